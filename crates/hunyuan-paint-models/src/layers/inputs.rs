//! The inputs that the layers of a network take one after the other.

use std::slice;

use crate::ModelError;

/// Inputs of one kind, in the order in which the layers take them. Both too few and too many inputs
/// are errors, so no layer can be skipped silently.
#[derive(Debug)]
pub(crate) struct LayerInputs<'a, T> {
    name: &'static str,
    /// The kind of layer that takes them.
    layer: &'static str,
    rest: slice::Iter<'a, T>,
    count: usize,
}

impl<'a, T> LayerInputs<'a, T> {
    /// Creates a queue of one input for each layer. The names are for errors.
    pub(crate) fn new(name: &'static str, layer: &'static str, inputs: &'a [T]) -> Self {
        Self { name, layer, rest: inputs.iter(), count: inputs.len() }
    }

    /// Returns the input of the next layer.
    ///
    /// # Errors
    /// If every input is taken.
    pub(crate) fn take(&mut self) -> Result<&'a T, ModelError> {
        self.rest.next().ok_or_else(|| self.error(format!("only {}", self.count)))
    }

    /// Checks that every input is taken.
    ///
    /// # Errors
    /// If inputs are left.
    pub(crate) fn finish(&self) -> Result<(), ModelError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.error(format!("{left} of {} left over", self.count))),
        }
    }

    fn error(&self, found: String) -> ModelError {
        ModelError::Wiring { input: self.name, layer: self.layer, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_and_too_many_inputs_are_errors() -> Result<(), ModelError> {
        let mut inputs = LayerInputs::new("numbers", "layer", &[1, 2]);
        assert_eq!(inputs.take()?, &1);
        assert!(matches!(inputs.finish(), Err(ModelError::Wiring { input: "numbers", .. })));
        assert_eq!(inputs.take()?, &2);
        inputs.finish()?;
        assert!(matches!(inputs.take(), Err(ModelError::Wiring { input: "numbers", .. })));
        Ok(())
    }
}
