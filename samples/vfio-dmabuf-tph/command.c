// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "say.h"
#include "wait.h"

extern char **environ;

static int add_output(posix_spawn_file_actions_t *actions, const char *output)
{
	if (!output)
		return posix_spawn_file_actions_adddup2(actions, say_fd(),
							STDOUT_FILENO);
	return posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, output,
						O_WRONLY | O_CREAT | O_TRUNC,
						0644);
}

/*
 * posix_spawn() and not fork(): the memory that is registered with the device
 * must not become copy-on-write. A process group of its own lets a time-out
 * end what the shell started, too.
 */
static int spawn(const char *command, const char *output, pid_t *pid)
{
	char *argv[] = { "sh", "-c", (char *)command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int ret;

	ret = posix_spawn_file_actions_init(&actions);
	if (ret)
		return ret;
	ret = posix_spawnattr_init(&attr);
	if (ret)
		goto out_actions;

	ret = add_output(&actions, output);
	if (!ret)
		ret = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	if (!ret)
		ret = posix_spawn(pid, "/bin/sh", &actions, &attr, argv,
				  environ);
	posix_spawnattr_destroy(&attr);
out_actions:
	posix_spawn_file_actions_destroy(&actions);
	return ret;
}

static int wait_child(pid_t pid, unsigned int timeout)
{
	__u64 deadline = wait_until(timeout);
	int status;
	pid_t done;

	for (;;) {
		done = waitpid(pid, &status, WNOHANG);
		if (done < 0)
			return -errno;
		if (done)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
		if (wait_expired(deadline))
			break;
		wait_a_moment();
	}
	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -ETIMEDOUT;
}

int command_run(const char *command, const char *output, unsigned int timeout)
{
	pid_t pid;
	int ret;

	ret = spawn(command, output, &pid);
	return ret ? -ret : wait_child(pid, timeout);
}
