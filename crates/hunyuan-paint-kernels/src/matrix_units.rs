use burn::tensor::Device;

/// The matrix units of a device, as far as the kernels use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MatrixUnits {
    /// None that the kernels use.
    None,
    /// Products of 16×16 matrices in half precision in planes of 32, with sums in single precision.
    Multiply,
    /// [`Self::Multiply`], and operations on the elements of a matrix in registers (Vulkan's
    /// `VK_NV_cooperative_matrix2`).
    MultiplyElementwise,
}

impl MatrixUnits {
    /// Returns the matrix units of a device.
    pub fn of(device: &Device) -> Self {
        #[cfg(feature = "cubecl")]
        if let Some(tensor) = crate::gpu::primitive(&burn::tensor::Tensor::<1>::empty([1], device)) {
            return crate::gpu::launch::matrix_units(&tensor.client);
        }
        let _ = device;
        Self::None
    }
}
