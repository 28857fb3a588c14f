//! What a network's weights are called and how large they are, without filling them: burn fills a weight when it is asked for.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Bool, Int, Shape, Tensor},
};

/// One weight of a network.
pub(crate) struct Parameter {
    /// Fields from the network to the weight.
    pub(crate) path: Vec<String>,
    /// As burn has it.
    pub(crate) shape: Vec<usize>,
    /// Whether a file has it the other way round.
    pub(crate) is_transposed: bool,
}

/// All weights, in the order in which burn fills them.
pub(crate) fn parameters(network: &impl Module) -> Vec<Parameter> {
    let mut list = List::default();
    network.visit(&mut list);
    list.found
}

/// How many numbers a network's weights are.
pub(crate) fn parameter_count(network: &impl Module) -> u64 {
    parameters(network).iter().map(|parameter| parameter.shape.iter().product::<usize>() as u64).sum()
}

/// Adds a field to the path; variants of enums are in no file's keys.
pub(crate) fn enter(path: &mut Vec<String>, name: &str, container: &str) {
    if !container.starts_with(ENUM) {
        path.push(name.to_owned());
    }
}

/// Takes it off again.
pub(crate) fn leave(path: &mut Vec<String>, container: &str) {
    if !container.starts_with(ENUM) {
        path.pop();
    }
}

/// How burn marks an enum when it walks through modules.
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
