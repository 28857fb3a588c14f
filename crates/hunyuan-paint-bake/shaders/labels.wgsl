// Candidates for edges, joined into components by a forest of labels. A label is the index of another candidate of
// the same component, plus WEAK unless that is surely an edge. The least label of a component is its root: it is not
// WEAK if any candidate is an edge, and then all are.

const WEAK: u32 = 0x80000000u;
const INDEX: u32 = 0x7fffffffu;
// The label of a pixel that is no candidate.
const NO_LABEL: u32 = 0xffffffffu;
