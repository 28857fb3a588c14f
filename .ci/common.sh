# What the scripts of this folder share. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_TERM_COLOR=never
export CARGO_INCREMENTAL=0
# Of the profiles only `release` is used, but to verify packages.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=0

# One set of features for everything that compiles burn.
features=(--features wgpu)

# With FULL=1 also what compiles burn once more for a single check: it takes another half hour on two cores.
full=${FULL:-0}

# Scripts that run one after another collect here what none of them could check.
not_checked_file=${NOT_CHECKED_FILE:-$(mktemp)}

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

not_checked() {
    printf 'NOT CHECKED: %s\n' "$*" | tee -a "$not_checked_file"
}

debian() {
    command -v apt-get >/dev/null || { echo "please install: $*" >&2; exit 1; }
    apt-get update
    apt-get install -y --no-install-recommends "$@"
}
