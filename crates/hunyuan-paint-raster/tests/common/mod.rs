//! Meshes for the tests.

// Each test file is a crate of its own and uses a part of this module.
#![allow(dead_code, unreachable_pub, reason = "no test file uses all of it")]

use glam::Vec4;

/// A generator of pseudorandom numbers (`SplitMix64`) from 0 to below 1.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    }

    pub fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.next()
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[(self.next() * from.len() as f32) as usize]
    }

    /// Returns a vertex on the image or slightly beside it.
    pub fn vertex(&mut self, w: f32) -> Vec4 {
        let mut ndc = || self.between(-1.2, 1.2);
        Vec4::new(ndc(), ndc(), ndc() * 0.8, 1.0) * w
    }
}

/// A mesh in clip space.
pub struct Scene {
    pub name: &'static str,
    pub positions: Vec<Vec4>,
    pub faces: Vec<[u32; 3]>,
}

impl Scene {
    /// Creates a scene of triangles that share no vertex.
    fn soup(name: &'static str, positions: Vec<Vec4>) -> Self {
        let faces = (0..positions.len() as u32 / 3).map(|i| [3 * i, 3 * i + 1, 3 * i + 2]).collect();
        Self { name, positions, faces }
    }

    /// Returns whether a coordinate, or a quotient of two, may be subnormal.
    pub fn has_subnormals(&self) -> bool {
        self.name == "nonsense" || self.positions.iter().flat_map(|v| v.to_array()).any(f32::is_subnormal)
    }
}

/// Returns triangles of all sizes, anywhere, with various w.
pub fn soup(face_count: u32, seed: u64) -> Scene {
    let mut random = Random(seed);
    Scene::soup("soup", (0..face_count * 3).map(|i| random.vertex(0.5 + (i % 5) as f32)).collect())
}

/// Returns triangles of about `side` in NDC, anywhere.
pub fn crumbs(name: &'static str, face_count: u32, side: f32, seed: u64) -> Scene {
    let mut random = Random(seed);
    let triangle = |_| {
        let center = random.vertex(1.0);
        let mut corner = || {
            let mut offset = || random.between(-side, side);
            Vec4::new(center.x + offset(), center.y + offset(), center.z + offset() * 0.1, 1.0)
        };
        let corners = [corner(), corner(), corner()];
        let w = random.between(0.5, 2.0);
        corners.map(|corner| corner * w)
    };
    Scene::soup(name, (0..face_count).flat_map(triangle).collect())
}

/// Returns a wavy sheet of `cells` × `cells` squares whose faces share vertices.
pub fn sheet(cells: u32, seed: u64) -> Scene {
    let mut random = Random(seed);
    let side = cells + 1;
    let vertex = |i| {
        let (x, y) = ((i % side) as f32 / cells as f32, (i / side) as f32 / cells as f32);
        // Small enough that no face folds over.
        let jitter = 0.2 / cells as f32;
        let (x, y) = (x + random.between(-jitter, jitter), y + random.between(-jitter, jitter));
        let w = 1.0 + x + 0.5 * y;
        Vec4::new(2.2 * x - 1.1, 2.2 * y - 1.1, 0.3 * (9.0 * x).sin() + 0.2 * y, 1.0) * w
    };
    let positions = (0..side * side).map(vertex).collect();
    let cell = |i| {
        let a = i / cells * side + i % cells;
        [[a, a + 1, a + side], [a + 1, a + side + 1, a + side]]
    };
    Scene { name: "sheet", positions, faces: (0..cells * cells).flat_map(cell).collect() }
}

/// Returns scenes of every kind, most of them degenerate or extreme.
pub fn scenes(seed: u64) -> Vec<Scene> {
    const SPECIALS: [f32; 12] =
        [0.0, -0.0, 1e-45, 1e-38, 1.0, -1.0, 0.5, 1e30, -1e38, f32::INFINITY, f32::NAN, f32::NEG_INFINITY];
    let random = &mut Random(seed);
    let nonsense = (0..90).map(|_| Vec4::from_array([(); 4].map(|()| random.pick(&SPECIALS)))).collect();
    let half_nonsense = (0..90)
        .map(|i| {
            let vertex = random.vertex(1.0);
            if i % 9 == 0 { vertex.with_x(random.pick(&SPECIALS)) } else { vertex }
        })
        .collect();
    let behind = (0..90)
        .map(|_| {
            let w = random.between(-2.0, 2.0);
            random.vertex(w)
        })
        .collect();
    let huge = (0..60)
        .map(|_| {
            let reach = random.pick(&[2.0, 10.0, 31.0, 100.0, 1e6]);
            Vec4::new(random.between(-reach, reach), random.between(-reach, reach), random.next(), 1.0)
        })
        .collect();
    let off_screen =
        (0..30).map(|i| random.vertex(1.0) + Vec4::new(2.5, [0.0, -2.5, 4.0][i % 3], 0.0, 0.0)).collect();
    let degenerate = (0..30)
        .flat_map(|i| {
            // Two corners coincide, or all three lie on one line.
            let (a, b) = (random.vertex(1.0), random.vertex(1.0));
            [a, b, [a, b, a.lerp(b, 0.5)][i % 3]]
        })
        .collect();
    let slivers = (0..60)
        .flat_map(|_| {
            let (a, b) = (random.vertex(1.0), random.vertex(1.0));
            [a, b, a + Vec4::new(random.between(-0.01, 0.01), random.between(-0.01, 0.01), 0.0, 0.0)]
        })
        .collect();
    let coplanar = (0..60).map(|_| random.vertex(1.0).with_z(0.25)).collect();
    let one = (1..4).map(|w| random.vertex(w as f32)).collect();
    vec![
        Scene::soup("nonsense", nonsense),
        Scene::soup("half nonsense", half_nonsense),
        Scene::soup("behind the camera", behind),
        Scene::soup("huge", huge),
        Scene::soup("off screen", off_screen),
        Scene::soup("degenerate", degenerate),
        Scene::soup("slivers", slivers),
        Scene::soup("coplanar", coplanar),
        Scene::soup("nothing", Vec::new()),
        Scene::soup("one face", one),
        soup(200, seed),
        crumbs("crumbs", 3000, 0.02, seed),
        crumbs("medium faces", 300, 0.2, seed),
        sheet(40, seed),
    ]
}
