//! Values sorted by group (a stable counting sort).

/// Values sorted by group; within a group they keep their order.
pub(crate) struct Grouped<T> {
    values: Vec<T>,
    /// End of each group in `values`; a group starts at the end of the previous one.
    ends: Vec<usize>,
}

impl<T: Copy> Grouped<T> {
    /// Sorts pairs of group and value; groups are below `group_count`. Iterates twice.
    pub(crate) fn new(group_count: usize, values: impl Iterator<Item = (usize, T)> + Clone) -> Self {
        let mut ends = vec![0; group_count];
        for (group, _) in values.clone() {
            ends[group] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            // First the start of the group; each insertion below increments it, up to the end.
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

    /// Returns the values of a group.
    pub(crate) fn group(&self, group: usize) -> &[T] {
        let start = group.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &self.values[start..self.ends[group]]
    }

    /// Returns the values of every group.
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
    fn values_are_sorted_by_group_and_keep_their_order() {
        let values = [(2, 'a'), (0, 'b'), (2, 'c'), (4, 'd'), (0, 'e')];
        let mut grouped = Grouped::new(5, values.into_iter());
        let expected: [&[char]; 5] = [&['b', 'e'], &[], &['a', 'c'], &[], &['d']];
        for (group, expected) in expected.into_iter().enumerate() {
            assert_eq!(grouped.group(group), expected);
        }
        assert_eq!(grouped.all_mut(), expected);
        assert!(Grouped::<u8>::new(2, std::iter::empty()).group(1).is_empty());
    }
}
