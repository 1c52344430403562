# Where everything lives; sourced by each command of this folder.
# An empty $MAILGUN_DEV_HOME is a fresh machine: nothing is kept anywhere else.

DEV=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$DEV")
STATE=${MAILGUN_DEV_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/mail_mailgun}
case $STATE in /*) ;; *) STATE=$PWD/$STATE ;; esac
PYTHON=${MAILGUN_DEV_PYTHON:-python3}

die() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    exit 1
}

# PostgreSQL's command line takes the folder apart at a space.
case $STATE in *[[:space:]]*) die "the state folder has a space in its path: $STATE
  Name another one: MAILGUN_DEV_HOME=/path $0" ;; esac

command -v "$PYTHON" >/dev/null || die "no $PYTHON on this machine.
  Install Python 3.10 to 3.13, or name one: MAILGUN_DEV_PYTHON=/path/to/python3 $0"
# -B: the state folder must stay empty until dev/bootstrap claims it.
PYTHON_SERIES=$("$PYTHON" -B -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $PYTHON_SERIES in
    3.10 | 3.11 | 3.12 | 3.13) ;;
    *) die "Python $PYTHON_SERIES does not run Odoo 19 (3.10 to 3.13 do).
  Name another one: MAILGUN_DEV_PYTHON=/path/to/python3 $0" ;;
esac

VENV=$STATE/venv-$PYTHON_SERIES
SITE=$STATE/site
ODOO_TREE=$STATE/odoo
# Tells a folder of ours from one that --fresh must not delete.
MARKER=$STATE/.mail_mailgun-state

# Nothing generated lands inside the checkout.
export PYTHONPYCACHEPREFIX=$STATE/cache/python
export RUFF_CACHE_DIR=$STATE/cache/ruff
export PYLINTHOME=$STATE/cache/pylint
export HYPOTHESIS_STORAGE_DIRECTORY=$STATE/cache/hypothesis

# Run a Python module of this folder, on a prepared machine.
# --fresh among the arguments forgets all state first.
run_python() {
    local module=$1 fresh="" argument arguments=()
    shift
    for argument; do
        if [ "$argument" = --fresh ]; then
            fresh=--fresh
        else
            arguments+=("$argument")
        fi
    done
    "$DEV/bootstrap" $fresh
    MAILGUN_DEV_STATE=$STATE PYTHONPATH=$DEV exec "$VENV/bin/python" -m "$module" \
        ${arguments[@]+"${arguments[@]}"}
}
