/*
 * usage: peak_memory COMMAND [ARGUMENT...]
 *
 * Runs a command and prints on standard error the most memory, in KiB, that it and all processes it started had at one
 * time: the sum of their proportional set sizes (pages that several share count once), looked at every 2 ms. Exits as the
 * command does.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* 0 when the process is gone or none of the group. */
static long proportional_kib(const char *process, pid_t group)
{
	char path[300], line[256];
	long kib = 0, of_group = 0;
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%s/stat", process);
	file = fopen(path, "r");
	if (!file)
		return 0;
	/* The name, in parentheses, may hold anything; after it: state, parent, group. */
	size_t length = fread(line, 1, sizeof line - 1, file);
	(void)fclose(file);
	line[length] = '\0';
	const char *end = strrchr(line, ')');
	if (!end || sscanf(end + 1, " %*c %*d %ld", &of_group) != 1 || of_group != (long)group)
		return 0;
	(void)snprintf(path, sizeof path, "/proc/%s/smaps_rollup", process);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "Pss: %ld", &kib) == 1)
			break;
	if (file)
		(void)fclose(file);
	return kib;
}

static long group_kib(pid_t group)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	long sum = 0;

	while (processes && (entry = readdir(processes)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			sum += proportional_kib(entry->d_name, group);
	if (processes)
		(void)closedir(processes);
	return sum;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	long peak = 0, now;
	int status = 0;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: peak_memory COMMAND [ARGUMENT...]\n");
		return 64;
	}
	pid_t child = fork();
	if (child == 0) {
		(void)setpgid(0, 0);
		(void)execvp(argv[1], argv + 1);
		_exit(127);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		now = group_kib(child);
		peak = now > peak ? now : peak;
		(void)nanosleep(&pause, NULL);
	}
	(void)fprintf(stderr, "%ld\n", peak);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
