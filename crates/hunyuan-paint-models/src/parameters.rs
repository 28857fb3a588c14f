//! Names and shapes of a network's weights. burn initializes a weight when it is read for the first
//! time; nothing here causes that.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Bool, Int, Shape, Tensor},
};

/// One weight of a network.
pub(crate) struct Parameter {
    /// The fields that lead from the network to the weight.
    pub(crate) path: Vec<String>,
    /// The shape in the network.
    pub(crate) shape: Vec<usize>,
    /// Whether files store the transpose.
    pub(crate) is_transposed: bool,
}

/// Returns all weights in the order in which burn applies them.
pub(crate) fn parameters(network: &impl Module) -> Vec<Parameter> {
    let mut list = List::default();
    network.visit(&mut list);
    list.found
}

/// Returns the number of a network's parameters.
pub(crate) fn parameter_count(network: &impl Module) -> u64 {
    parameters(network).iter().map(|parameter| parameter.shape.iter().product::<usize>() as u64).sum()
}

/// Appends a field to the path. Keys of files do not name enum variants.
pub(crate) fn enter(path: &mut Vec<String>, name: &str, container: &str) {
    if !container.starts_with(ENUM) {
        path.push(name.to_owned());
    }
}

/// Removes the field that [`enter`] appended.
pub(crate) fn leave(path: &mut Vec<String>, container: &str) {
    if !container.starts_with(ENUM) {
        path.pop();
    }
}

/// burn's prefix for enums when it visits modules.
const ENUM: &str = "Enum:";

#[derive(Default)]
struct List {
    path: Vec<String>,
    containers: Vec<String>,
    found: Vec<Parameter>,
}

impl List {
    fn add(&mut self, shape: Shape) {
        let is_linear = self.containers.iter().any(|container| container == "Struct:Linear");
        let is_transposed = is_linear && shape.num_dims() == 2;
        self.found.push(Parameter { path: self.path.clone(), shape: shape.to_vec(), is_transposed });
    }
}

impl ModuleVisitor for List {
    fn enter_module(&mut self, name: &str, container: &str) {
        enter(&mut self.path, name, container);
        self.containers.push(container.to_owned());
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        leave(&mut self.path, container);
        self.containers.pop();
    }

    fn visit_float<const D: usize>(&mut self, weight: &Param<Tensor<D>>) {
        self.add(weight.lazy_shape());
    }

    fn visit_int<const D: usize>(&mut self, weight: &Param<Tensor<D, Int>>) {
        self.add(weight.lazy_shape());
    }

    fn visit_bool<const D: usize>(&mut self, weight: &Param<Tensor<D, Bool>>) {
        self.add(weight.lazy_shape());
    }
}
