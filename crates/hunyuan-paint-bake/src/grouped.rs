//! Values sorted into numbered groups.

/// Values by group, in the order in which they came: a counting sort.
pub(crate) struct Grouped<T> {
    values: Vec<T>,
    /// Where each group ends in `values`; it starts where the one before ends.
    ends: Vec<usize>,
}

impl<T: Copy> Grouped<T> {
    /// Goes twice over the values, each of which comes with its group, below `group_count`.
    pub(crate) fn new(group_count: usize, values: impl Iterator<Item = (usize, T)> + Clone) -> Self {
        let mut ends = vec![0; group_count];
        for (group, _) in values.clone() {
            ends[group] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            // For now where the group starts; it moves on with every value.
            start += std::mem::replace(end, start);
        }
        let mut sorted = Vec::new();
        for (group, value) in values {
            if sorted.is_empty() {
                sorted.resize(start, value);
            }
            sorted[ends[group]] = value;
            ends[group] += 1;
        }
        Self { values: sorted, ends }
    }

    pub(crate) fn of(&self, group: usize) -> &[T] {
        let start = group.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &self.values[start..self.ends[group]]
    }

    /// All groups, in order.
    pub(crate) fn all_mut(&mut self) -> Vec<&mut [T]> {
        let mut rest = &mut self.values[..];
        let mut start = 0;
        let mut groups = Vec::with_capacity(self.ends.len());
        for &end in &self.ends {
            let (group, others) = std::mem::take(&mut rest).split_at_mut(end - start);
            groups.push(group);
            (rest, start) = (others, end);
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_their_groups_in_order() {
        let values = [(2, 'a'), (0, 'b'), (2, 'c'), (4, 'd'), (0, 'e')];
        let mut grouped = Grouped::new(5, values.into_iter());
        let expected: [&[char]; 5] = [&['b', 'e'], &[], &['a', 'c'], &[], &['d']];
        for (group, expected) in expected.into_iter().enumerate() {
            assert_eq!(grouped.of(group), expected);
        }
        assert_eq!(grouped.all_mut(), expected);
        assert!(Grouped::<u8>::new(2, std::iter::empty()).of(1).is_empty());
    }
}
