// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's init: mounts what programs expect, runs one command and powers
 * off.
 *
 * The host's side is lab/run. The command comes through fw_cfg; its standard
 * streams and its exit status go through virtio ports of their own, so that
 * kernel messages on the serial console do not mix with them. Without a
 * command there is a shell on the virtio console.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMAND_FILE "/sys/firmware/qemu_fw_cfg/by_name/opt/lab/command/raw"
#define MAX_PORTS 16
#define PORT_TIMEOUT_MS 5000

static int console = STDERR_FILENO;

/* Ends the run: without a status the host knows that init failed. */
static void __attribute__((noreturn)) power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void __attribute__((noreturn, format(printf, 1, 2)))
fail(const char *format, ...)
{
	int err = errno;
	va_list args;

	va_start(args, format);
	dprintf(console, "init: ");
	vdprintf(console, format, args);
	dprintf(console, ": %s\n", strerror(err));
	va_end(args);
	power_off();
}

static void mount_all(void)
{
	static const struct {
		const char *type, *dir;
	} mounts[] = {
		{ "devtmpfs", "/dev" },
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "tmpfs", "/tmp" },
		{ "tmpfs", "/run" },
		{ "devpts", "/dev/pts" },
		{ "tmpfs", "/dev/shm" },
		{ "debugfs", "/sys/kernel/debug" },
	};

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i].dir, 0755);
		/* debugfs is not in every kernel. */
		if (mount(mounts[i].type, mounts[i].dir, mounts[i].type, 0, NULL) &&
		    errno != ENODEV)
			fail("mount %s", mounts[i].dir);
	}
}

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &ifr))
		fail("bring up lo");
	close(sock);
}

/* Opens the virtio port that the host called @name, -1 if it is not there. */
static int try_port(const char *name, int flags)
{
	char path[64], found[64];

	for (int i = 0; i < MAX_PORTS; i++) {
		ssize_t len;
		int fd;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/vport0p%d/name", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		len = read(fd, found, sizeof(found) - 1);
		close(fd);
		if (len <= 0)
			continue;
		found[len] = '\0';
		found[strcspn(found, "\n")] = '\0';
		if (strcmp(found, name))
			continue;
		snprintf(path, sizeof(path), "/dev/vport0p%d", i);
		fd = open(path, flags | O_CLOEXEC);
		if (fd < 0)
			fail("open %s (%s)", path, name);
		return fd;
	}
	errno = ENOENT;
	return -1;
}

/* The driver learns of its ports by messages: they may come after init. */
static int open_port(const char *name, int flags)
{
	for (int ms = 0; ms < PORT_TIMEOUT_MS; ms += 10) {
		int fd = try_port(name, flags);

		if (fd >= 0)
			return fd;
		usleep(10 * 1000);
	}
	fail("virtio port %s", name);
}

/* The whole command, to be freed; NULL if the host gave none. */
static char *read_command(void)
{
	int fd = open(COMMAND_FILE, O_RDONLY | O_CLOEXEC);
	char *command = NULL;
	size_t len = 0;
	ssize_t n;

	if (fd < 0) {
		if (errno == ENOENT)
			return NULL;
		fail("open %s", COMMAND_FILE);
	}
	do {
		command = realloc(command, len + 4096 + 1);
		if (!command)
			fail("read %s", COMMAND_FILE);
		n = read(fd, command + len, 4096);
		if (n < 0)
			fail("read %s", COMMAND_FILE);
		len += n;
	} while (n > 0);
	command[len] = '\0';
	close(fd);
	return command;
}

static void __attribute__((noreturn)) run_command(const char *command)
{
	if (dup2(open_port("lab.stdin", O_RDONLY), STDIN_FILENO) < 0 ||
	    dup2(open_port("lab.stdout", O_WRONLY), STDOUT_FILENO) < 0 ||
	    dup2(open_port("lab.stderr", O_WRONLY), STDERR_FILENO) < 0)
		fail("dup2");
	execl("/bin/dash", "sh", "-c", command, (char *)NULL);
	fail("exec /bin/dash");
}

static void __attribute__((noreturn)) run_shell(void)
{
	int tty = open("/dev/hvc0", O_RDWR);

	if (tty < 0 || ioctl(tty, TIOCSCTTY, 0))
		fail("/dev/hvc0");
	dup2(tty, STDIN_FILENO);
	dup2(tty, STDOUT_FILENO);
	dup2(tty, STDERR_FILENO);
	execl("/bin/busybox", "-sh", (char *)NULL);
	fail("exec /bin/busybox");
}

/* Waits for @child and for whatever it left behind to be reaped. */
static int wait_for(pid_t child)
{
	int status;

	for (;;) {
		pid_t pid = wait(&status);

		if (pid < 0 && errno != EINTR)
			fail("wait");
		if (pid == child)
			break;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(void)
{
	char *command;
	pid_t child;
	int status;

	mount_all();
	console = open("/dev/console", O_WRONLY | O_CLOEXEC);
	loopback_up();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "linux", 0);
	if (chdir("/root"))
		fail("chdir /root");

	command = read_command();
	child = fork();
	if (child < 0)
		fail("fork");
	if (!child) {
		setsid();
		if (command)
			run_command(command);
		run_shell();
	}
	status = wait_for(child);
	free(command);
	dprintf(open_port("lab.status", O_WRONLY), "%d\n", status);
	power_off();
}
