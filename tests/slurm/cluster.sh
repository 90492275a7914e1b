# Sourced by the tests: a Slurm of one node, this machine, with all its files in one folder.

# Exits with 77, which ctest takes for "skipped", where the machine has not what it takes.
require_slurm() {
    local program
    for program in munged slurmctld slurmd sbatch srun scontrol squeue; do
        command -v "$program" >/dev/null || { echo "skipped: no $program (as root: apt-get install slurm-wlm munge)"; exit 77; }
    done
    [ "$(id -u)" -eq 0 ] || { echo "skipped: slurmd starts jobs as root alone"; exit 77; }
}

# start_slurm FOLDER PROCESSORS: returns once the node is idle.
start_slurm() {
    local folder=$1 host
    host=$(hostname -s)
    export SLURM_CONF=$folder/slurm.conf
    mkdir -p "$folder/state" "$folder/spool"
    chmod 755 "$folder"
    cat > "$SLURM_CONF" <<CONF
ClusterName=keel
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$((20000 + RANDOM % 10000))
SlurmdPort=$((30000 + RANDOM % 2000))
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=2
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
ReturnToService=2
KillWait=5
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
    srun --mpi=list 2>&1 | grep -q pmix || { echo "skipped: this Slurm has no PMIx plugin"; exit 77; }
    dd if=/dev/urandom of="$folder/munge.key" bs=128 count=1 status=none
    chmod 600 "$folder/munge.key"
    (umask 022; munged --force --foreground --socket "$folder/munge.socket" --key-file "$folder/munge.key" --pid-file "$folder/munged.pid" \
        --seed-file "$folder/munged.seed" --log-file "$folder/munged.log") >"$folder/munged.out" 2>&1 &
    started+=($!)
    until_true 10 test -S "$folder/munge.socket"
    slurmctld -D >"$folder/slurmctld.out" 2>&1 &
    started+=($!)
    slurmd -D -N "$host" >"$folder/slurmd.out" 2>&1 &
    started+=($!)
    until_true 30 node_is_idle
}

node_is_idle() { [ "$(sinfo -h -o %T 2>/dev/null)" = idle ]; }

# until_true SECONDS COMMAND...: fails behind so many seconds.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || { echo "waited in vain for: $*"; return 1; }
        sleep 0.2
    done
}

started=()
stop_slurm() {
    local process
    for process in "${started[@]}"; do kill "$process" 2>/dev/null; done
    for process in "${started[@]}"; do wait "$process" 2>/dev/null; done
}
