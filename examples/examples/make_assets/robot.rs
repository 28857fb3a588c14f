//! The object: a toy robot that waves. It stands on y = 0, is one unit tall, and looks towards +z.

use glam::{Vec2, Vec3};

use crate::distance::{capsule, cylinder, polyline, rounded_box, smooth_max, smooth_min};

/// A box around the robot, with a margin.
pub(crate) const BOUNDS: [Vec3; 2] = [Vec3::new(-0.43, -0.05, -0.36), Vec3::new(0.55, 1.06, 0.30)];

/// The fillet between neighboring parts.
const FILLET: f32 = 0.012;

/// A part of the robot with one color or one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Visor,
    EarCap,
    Antenna,
    Bulb,
    Neck,
    Body,
    Panel,
    Button,
    Limb,
    Glove,
    Boot,
    Backpack,
    Nozzle,
}

/// Returns the signed distance of every part.
fn parts(p: Vec3) -> [(Part, f32); 17] {
    let at = |x, y, z| p - Vec3::new(x, y, z);
    // Mirrored, for the left and the right side.
    let both = Vec3::new(p.x.abs(), p.y, p.z);
    let at_both = |x, y, z| both - Vec3::new(x, y, z);
    // Turned, so that the axis is along x.
    let turned = |q: Vec3| Vec3::new(q.y, q.x, q.z);

    let head = rounded_box(at(0.0, 0.7, 0.0), Vec3::new(0.2, 0.15, 0.165), 0.085);
    let recess = rounded_box(at(0.0, 0.7, 0.17), Vec3::new(0.147, 0.1, 0.05), 0.045);
    let body = rounded_box(at(0.0, 0.395, 0.0), Vec3::new(0.165, 0.15, 0.13), 0.075);
    let niche = rounded_box(at(0.0, 0.43, 0.14), Vec3::new(0.115, 0.075, 0.05), 0.025);
    let boot = smooth_min(
        rounded_box(at_both(0.1, 0.045, 0.03), Vec3::new(0.08, 0.07, 0.12), 0.06),
        capsule(both, Vec3::new(0.1, 0.06, -0.01), Vec3::new(0.1, 0.13, -0.01), 0.06),
        0.04,
    );
    let low_joints =
        [Vec3::new(-0.19, 0.46, 0.0), Vec3::new(-0.285, 0.36, -0.01), Vec3::new(-0.285, 0.25, 0.05)];
    let raised_joints =
        [Vec3::new(0.19, 0.46, 0.0), Vec3::new(0.32, 0.47, 0.0), Vec3::new(0.375, 0.59, 0.04)];
    let low_glove = glove(p, low_joints[2], Vec3::new(0.0, -0.055, 0.03), Vec3::new(0.05, -0.02, 0.055));
    let raised_glove = glove(p, raised_joints[2], Vec3::new(0.025, 0.07, 0.01), Vec3::new(-0.06, 0.045, 0.0));

    [
        (Part::Head, smooth_max(head, -recess, FILLET)),
        (Part::Visor, rounded_box(at(0.0, 0.7, 0.095), Vec3::new(0.16, 0.113, 0.04), 0.035)),
        (Part::EarCap, cylinder(turned(at_both(0.205, 0.7, 0.0)), 0.07, 0.035, 0.02)),
        (Part::Antenna, capsule(p, Vec3::new(0.0, 0.84, 0.0), Vec3::new(0.0, 0.93, 0.0), 0.016)),
        (Part::Bulb, at(0.0, 0.955, 0.0).length() - 0.045),
        (Part::Neck, cylinder(at(0.0, 0.55, 0.0), 0.08, 0.03, 0.01)),
        (Part::Body, smooth_max(body, -niche, FILLET)),
        (Part::Panel, rounded_box(at(0.0, 0.43, 0.07), Vec3::new(0.125, 0.085, 0.035), 0.02)),
        (Part::Button, button_row(at(0.0, 0.4, 0.105))),
        (Part::Limb, capsule(both, Vec3::new(0.1, 0.1, -0.01), Vec3::new(0.085, 0.28, 0.0), 0.048)),
        (Part::Boot, smooth_max(boot, -p.y, 0.02)),
        (Part::Limb, arm(p, low_joints)),
        (Part::Glove, low_glove),
        (Part::Limb, arm(p, raised_joints)),
        (Part::Glove, raised_glove),
        (Part::Backpack, rounded_box(at(0.0, 0.43, -0.185), Vec3::new(0.125, 0.115, 0.075), 0.045)),
        (Part::Nozzle, nozzle(at_both(0.065, 0.295, -0.19))),
    ]
}

fn arm(p: Vec3, [shoulder, elbow, hand]: [Vec3; 3]) -> f32 {
    smooth_min(capsule(p, shoulder, elbow, 0.042), capsule(p, elbow, hand, 0.042), 0.02)
}

/// Returns the distance of a mitten around `wrist`, with fingers and a thumb that point along two vectors.
fn glove(p: Vec3, wrist: Vec3, fingers: Vec3, thumb: Vec3) -> f32 {
    let palm = capsule(p, wrist, wrist + fingers, 0.058);
    smooth_min(palm, capsule(p, wrist, wrist + thumb, 0.028), 0.025)
}

/// Returns the distance of three hemispheres side by side.
fn button_row(p: Vec3) -> f32 {
    let x = p.x - 0.06 * (p.x / 0.06).round().clamp(-1.0, 1.0);
    Vec3::new(x, p.y, p.z).length() - 0.021
}

/// Returns the distance of a hollow cup that is open below.
fn nozzle(p: Vec3) -> f32 {
    let cup = cylinder(p, 0.054, 0.045, 0.015);
    let hollow = cylinder(p + Vec3::Y * 0.04, 0.031, 0.05, 0.01);
    smooth_max(cup, -hollow, 0.008)
}

/// Returns the robot's signed distance, in object units.
pub(crate) fn distance(p: Vec3) -> f32 {
    parts(p).into_iter().fold(f32::INFINITY, |whole, (_, part)| smooth_min(whole, part, FILLET))
}

mod paint {
    //! The colors, as sRGB bytes.
    pub(super) const TEAL: u32 = 0x2a_a7_a0;
    pub(super) const CREAM: u32 = 0xf6_ea_d0;
    pub(super) const ORANGE: u32 = 0xf0_7a_2c;
    pub(super) const YELLOW: u32 = 0xf7_c2_3c;
    pub(super) const RED: u32 = 0xd9_3a_34;
    pub(super) const BLUE: u32 = 0x2f_6f_c4;
    pub(super) const NAVY: u32 = 0x1b_22_3c;
    pub(super) const CYAN: u32 = 0x7d_ee_f5;
    pub(super) const GRAY: u32 = 0x6c_75_86;
    pub(super) const WHITE: u32 = 0xf4_fb_ff;
    pub(super) const SILVER: u32 = 0xb4_bc_c8;
}

/// Returns the color of the surface at a point near it, 0…1 in sRGB.
pub(crate) fn color(p: Vec3) -> Vec3 {
    let nearest = parts(p).into_iter().min_by(|(_, a), (_, b)| a.total_cmp(b));
    let rgb = nearest.map_or(0, |(part, _)| pattern(part, p));
    Vec3::from_array([rgb >> 16, rgb >> 8, rgb].map(|c| (c & 0xff) as f32 / 255.0))
}

fn pattern(part: Part, p: Vec3) -> u32 {
    use paint::{BLUE, CREAM, GRAY, NAVY, ORANGE, RED, SILVER, TEAL, YELLOW};
    let front = Vec2::new(p.x, p.y);
    // As seen from behind.
    let back = Vec2::new(-p.x, p.y);
    let side = Vec2::new(p.z, p.y);
    match part {
        Part::Head if (0.015..0.045).contains(&p.x.abs()) => CREAM,
        Part::Head => TEAL,
        Part::Visor => face(front - Vec2::new(0.0, 0.7)),
        Part::EarCap if side.distance(Vec2::new(0.0, 0.7)) > 0.045 => ORANGE,
        Part::EarCap if p.x < 0.0 => BLUE,
        Part::EarCap => RED,
        Part::Antenna => SILVER,
        Part::Bulb => RED,
        Part::Neck => GRAY,
        Part::Body if (0.285..0.305).contains(&p.y) => CREAM,
        Part::Body => TEAL,
        Part::Panel if pulse(front - Vec2::new(0.0, 0.463)) < 0.005 => NAVY,
        Part::Panel => CREAM,
        Part::Button if p.x < -0.03 => RED,
        Part::Button if p.x > 0.03 => BLUE,
        Part::Button => YELLOW,
        // Rings around limbs that all point away from the middle of the body.
        Part::Limb if (p.distance(Vec3::new(0.0, 0.4, 0.0)) / 0.045).fract() < 0.5 => SILVER,
        Part::Limb => GRAY,
        Part::Glove => ORANGE,
        Part::Boot if p.y < 0.002 && (p.z / 0.04).rem_euclid(1.0) < 0.4 => GRAY,
        Part::Boot if p.y < 0.03 => NAVY,
        Part::Boot if p.z > 0.095 => YELLOW,
        Part::Boot => ORANGE,
        Part::Backpack if p.z < -0.2 && seven(back - Vec2::new(0.0, 0.43)) < 0.014 => NAVY,
        Part::Backpack => YELLOW,
        Part::Nozzle if Vec2::new(p.x.abs() - 0.065, p.z + 0.19).length() < 0.036 => NAVY,
        Part::Nozzle => SILVER,
    }
}

/// Returns the color of the face: two eyes that look up to the raised hand, and a smile.
fn face(q: Vec2) -> u32 {
    let eye = Vec2::new(q.x.abs() - 0.065, q.y - 0.02);
    let glint = Vec2::new(q.x - 0.065_f32.copysign(q.x), eye.y) - Vec2::new(0.009, 0.014);
    let smile = (q.length() - 0.05).abs() < 0.008 && q.y < -0.03;
    match () {
        () if glint.length() < 0.009 => paint::WHITE,
        () if smile || (eye / Vec2::new(0.026, 0.036)).length() < 1.0 => paint::CYAN,
        () => paint::NAVY,
    }
}

/// Returns the distance from the line of a heartbeat.
fn pulse(q: Vec2) -> f32 {
    const LINE: [Vec2; 6] = [
        Vec2::new(-0.085, 0.0),
        Vec2::new(-0.035, 0.0),
        Vec2::new(-0.015, 0.026),
        Vec2::new(0.01, -0.02),
        Vec2::new(0.025, 0.0),
        Vec2::new(0.085, 0.0),
    ];
    polyline(q, &LINE)
}

/// Returns the distance from the digit 7.
fn seven(q: Vec2) -> f32 {
    polyline(q, &[Vec2::new(-0.04, 0.06), Vec2::new(0.04, 0.06), Vec2::new(-0.015, -0.06)])
}
