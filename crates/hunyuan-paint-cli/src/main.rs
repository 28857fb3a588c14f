//! The program `hunyuan-paint`.

fn main() {}
