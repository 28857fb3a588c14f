// Labels that join edge candidates into components. The label of a candidate is the index of a
// candidate of the same component (itself or its parent), with the bit WEAK if the gradient there
// is not above the upper threshold. The smallest label of a component is its root. The root lacks
// WEAK if any candidate of the component does; then all candidates of the component are edges.

const WEAK: u32 = 0x80000000u;
const INDEX: u32 = 0x7fffffffu;
// The label of a pixel that is not a candidate.
const NO_LABEL: u32 = 0xffffffffu;
