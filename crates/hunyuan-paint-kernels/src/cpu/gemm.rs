//! Matrix products.

#![expect(unsafe_code, reason = "the crate `gemm` takes pointers; assertions keep them within their slices")]

pub(super) use ::gemm::Parallelism;

/// The layout of a matrix in a slice.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl Layout {
    /// Returns the layout of contiguous rows with a distance of `stride` elements.
    pub(super) fn of_rows(rows: usize, columns: usize, stride: usize) -> Self {
        Self { rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// Returns the layout of the transpose.
    pub(super) fn transpose(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Returns the elements of the slice from the first to the last one of the matrix.
    fn extent(&self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride + 1
    }
}

/// Computes `out = lhs · rhs`, or `out += lhs · rhs` if `adds`.
///
/// # Panics
/// If a matrix exceeds its slice, or the sizes do not belong together.
pub(super) fn multiply(
    (lhs, lhs_layout): (&[f32], Layout),
    (rhs, rhs_layout): (&[f32], Layout),
    (out, out_layout): (&mut [f32], Layout),
    adds: bool,
    parallelism: Parallelism,
) {
    assert!(lhs_layout.extent() <= lhs.len() && rhs_layout.extent() <= rhs.len());
    assert!(out_layout.extent() <= out.len() && lhs_layout.columns == rhs_layout.rows);
    assert!(out_layout.rows == lhs_layout.rows && out_layout.columns == rhs_layout.columns);
    // SAFETY: the assertions above keep every matrix within its slice, and the slices do not
    // overlap.
    unsafe {
        ::gemm::gemm(
            out_layout.rows,
            out_layout.columns,
            lhs_layout.columns,
            out.as_mut_ptr(),
            out_layout.column_stride as isize,
            out_layout.row_stride as isize,
            adds,
            lhs.as_ptr(),
            lhs_layout.column_stride as isize,
            lhs_layout.row_stride as isize,
            rhs.as_ptr(),
            rhs_layout.column_stride as isize,
            rhs_layout.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
