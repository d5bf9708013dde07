# A machine with systemd on which the station is installed as docs/deployment/systemd.md says.
ARG DEBIAN
FROM ${DEBIAN}
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    ca-certificates dbus git make python3-venv sudo systemd systemd-sysv >/dev/null
# a container has neither terminals nor devices
RUN systemctl mask systemd-udevd systemd-logind getty.target console-getty \
 && systemctl set-default multi-user.target
COPY . /radio-supervisor
RUN make -C /radio-supervisor install
# the kernel's groups of processes, which systemd keeps: the container's own, whatever kind the machine has
CMD ["sh", "-c", "umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec /lib/systemd/systemd"]
