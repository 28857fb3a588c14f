//! The random number generators, for the latents of six views of 512².

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hunyuan_paint_scheduler::random::GeneratorKind;

const NUMBERS: usize = 6 * 4 * 64 * 64;

fn noise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("noise");
    group.throughput(Throughput::Elements(NUMBERS as u64));
    for &kind in GeneratorKind::ALL {
        let mut generator = kind.init(0);
        let mut numbers = vec![0.0; NUMBERS];
        group.bench_function(kind.name(), |b| {
            b.iter(|| {
                generator.fill_normal(&mut numbers);
                black_box(&numbers);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, noise);
criterion_main!(benches);
