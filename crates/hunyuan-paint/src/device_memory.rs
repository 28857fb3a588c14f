//! The memory of devices. wgpu does not know it; Vulkan does.

#![cfg_attr(
    all(feature = "wgpu", not(any(target_vendor = "apple", target_family = "wasm"))),
    expect(
        unsafe_code,
        reason = "wgpu hands its Vulkan adapter over, and Vulkan answers, through unsafe functions"
    )
)]

#[cfg(feature = "wgpu")]
use burn::tensor::wgpu::wgpu::Adapter;

/// Returns the bytes of the largest heap of the GPU's own memory, or of all heaps where it shares the host's. `None` for
/// GPUs that are not opened through Vulkan.
#[cfg(all(feature = "wgpu", not(any(target_vendor = "apple", target_family = "wasm"))))]
pub(crate) fn of_adapter(adapter: &Adapter) -> Option<u64> {
    use burn::tensor::wgpu::wgpu::{DeviceType, hal::api::Vulkan};

    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`.
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: the adapter is only read, and lives as long as the guard that is handed over.
    let vulkan = unsafe { adapter.as_hal::<Vulkan>() }?;
    let instance = vulkan.shared_instance().raw_instance();
    // SAFETY: the physical device is of this instance, which lives.
    let memory = unsafe { instance.get_physical_device_memory_properties(vulkan.raw_physical_device()) };
    let heaps = memory.memory_heaps.iter().take(memory.memory_heap_count as usize);
    if adapter.get_info().device_type == DeviceType::IntegratedGpu {
        return Some(heaps.map(|heap| heap.size).fold(0, u64::saturating_add));
    }
    heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
}

/// Without Vulkan nothing is known.
#[cfg(all(feature = "wgpu", any(target_vendor = "apple", target_family = "wasm")))]
pub(crate) fn of_adapter(_: &Adapter) -> Option<u64> {
    None
}

/// Returns the bytes of memory that this process may use: the host's, or the limit of its control group (a container)
/// if that is smaller. `None` if the system does not say.
#[cfg(feature = "cpu")]
pub(crate) fn of_host() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    let memory = system.total_memory().min(limit);
    (memory > 0).then_some(memory)
}
