//! Writers of the two formats of weights files.

use std::io::{self, Seek, Write};

use serde_json::{Map, json};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::folder::Entry;
use crate::Precision;

/// Writes a safetensors file: a JSON header of names, shapes and offsets, then the numbers.
pub(super) fn write_safetensors(
    out: &mut impl Write,
    entries: &[Entry],
    precision: Precision,
) -> io::Result<()> {
    let mut header = Map::new();
    let mut offset = 0;
    for entry in entries {
        let end = offset + entry.count() * precision.dtype().size();
        let dtype = precision.name().to_uppercase();
        let tensor = json!({"dtype": dtype, "shape": entry.shape, "data_offsets": [offset, end]});
        header.insert(entry.key.clone(), tensor);
        offset = end;
    }
    let mut header = serde_json::Value::Object(header).to_string();
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    entries.iter().try_for_each(|entry| out.write_all(&entry.bytes(precision)))
}

/// Writes a file like `torch.save` does for a dictionary of tensors: an archive of a pickle that
/// describes the tensors, and of one file of numbers for each.
pub(super) fn write_bin(
    out: &mut (impl Write + Seek),
    entries: &[Entry],
    precision: Precision,
) -> io::Result<()> {
    let mut archive = ZipWriter::new(out);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    let mut start = |name: String| archive.start_file(name, options).map_err(io::Error::other);
    start("archive/data.pkl".to_owned())?;
    archive.write_all(&pickle(entries, precision))?;
    archive.start_file("archive/version", options).map_err(io::Error::other)?;
    archive.write_all(b"3\n")?;
    for (i, entry) in entries.iter().enumerate() {
        archive.start_file(format!("archive/data/{i}"), options).map_err(io::Error::other)?;
        archive.write_all(&entry.bytes(precision))?;
    }
    archive.finish().map_err(io::Error::other)?;
    Ok(())
}

/// Returns the description of the tensors in version 2 of Python's pickle protocol (PEP 307).
fn pickle(entries: &[Entry], precision: Precision) -> Vec<u8> {
    let storage = match precision {
        Precision::F32 => "FloatStorage",
        Precision::F16 => "HalfStorage",
    };
    let mut out = b"\x80\x02}(".to_vec();
    for (i, entry) in entries.iter().enumerate() {
        string(&mut out, &entry.key);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        string(&mut out, "storage");
        out.extend(format!("ctorch\n{storage}\n").bytes());
        string(&mut out, &i.to_string());
        string(&mut out, "cpu");
        integer(&mut out, entry.count());
        // End of the storage's description, then the tensor's offset in it.
        out.extend(b"tQK\x00");
        let mut stride = entry.count();
        let strides = entry.shape.iter().map(|side| {
            stride /= side;
            stride
        });
        let strides: Vec<usize> = strides.collect();
        for numbers in [&entry.shape, &strides] {
            out.push(b'(');
            numbers.iter().for_each(|&number| integer(&mut out, number));
            out.push(b't');
        }
        // No gradient, and an empty dictionary of hooks.
        out.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    out.extend(b"u.");
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.bytes());
}

/// Appends an integer. No tensor has 2³¹ numbers or more.
fn integer(out: &mut Vec<u8>, number: usize) {
    out.push(b'J');
    out.extend((number as i32).to_le_bytes());
}
