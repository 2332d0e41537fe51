/*
 * usage: peak_memory COMMAND [ARGUMENT...]
 *
 * Runs a command and prints on standard error the most memory, in KiB, that it and all processes it started had at one
 * time: the sum of their proportional set sizes (pages that several share count once), looked at every 3 ms. Exits as the
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

static bool read_parent(long process, long *parent)
{
	char path[64], line[512];
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%ld/stat", process);
	file = fopen(path, "r");
	if (!file)
		return false;
	/* The name, in parentheses, may hold anything; after it: state, parent. */
	size_t length = fread(line, 1, sizeof line - 1, file);
	(void)fclose(file);
	line[length] = '\0';
	const char *end = strrchr(line, ')');
	return end && sscanf(end + 1, " %*c %ld", parent) == 1;
}

static bool descends_from(long process, long ancestor)
{
	long parent = process;

	while (parent > 1 && parent != ancestor)
		if (!read_parent(parent, &parent))
			return false;
	return parent == ancestor;
}

/* 0 when the process is gone. */
static long memory_kib(long process)
{
	char path[64], line[256];
	long kib = 0, resident = 0;
	FILE *file;

	(void)snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", process);
	file = fopen(path, "r");
	while (file && kib == 0 && fgets(line, sizeof line, file))
		(void)sscanf(line, "Pss: %ld", &kib);
	if (file)
		(void)fclose(file);
	if (kib > 0)
		return kib;
	/* One that may not be looked into: all its resident pages. */
	(void)snprintf(path, sizeof path, "/proc/%ld/statm", process);
	file = fopen(path, "r");
	if (file && fscanf(file, "%*d %ld", &resident) != 1)
		resident = 0;
	if (file)
		(void)fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static long family_kib(long ancestor)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	long sum = 0;

	while (processes && (entry = readdir(processes))) {
		long process = strtol(entry->d_name, NULL, 10);

		if (process > 0 && descends_from(process, ancestor))
			sum += memory_kib(process);
	}
	if (processes)
		(void)closedir(processes);
	return sum;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 3000000 };
	long peak = 0, now;
	int status = 0;

	if (argc < 2) {
		(void)fprintf(stderr, "usage: peak_memory COMMAND [ARGUMENT...]\n");
		return 64;
	}
	pid_t child = fork();
	if (child == 0) {
		(void)execvp(argv[1], argv + 1);
		_exit(127);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		now = family_kib(child);
		peak = now > peak ? now : peak;
		(void)nanosleep(&pause, NULL);
	}
	(void)fprintf(stderr, "%ld\n", peak);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
