# Sourced by bin/bench: builds the program that measures the official Rust queues.
# It is no part of the workspace, so nobody else builds what it depends on.

# Leaves the place of the program in QUEUES_PROGRAM, unless that names one.
build_queues() {
    [ -z "${QUEUES_PROGRAM:-}" ] || return 0
    # A C compiler, where there is none.
    install_packages
    local target="${CARGO_TARGET_DIR:-$ROOT/target}"
    [ "${target#/}" != "$target" ] || target="$ROOT/$target"
    # A folder of its own: its packages have other versions and features than those of the workspace.
    step "Building riverqueue and bullmq-official to compare with" \
        cargo build --release --locked --manifest-path "$ROOT/bench/queues/Cargo.toml" --target-dir "$target/queues"
    export QUEUES_PROGRAM="$target/queues/release/queues"
}
