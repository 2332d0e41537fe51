/*
 * A private redis-server for one C test program: on a Unix socket in a temporary folder, no port, nothing saved. It
 * dies with the test. FILOT_TEST_REDIS names another program (Valkey's). Without one the test is skipped with that reason.
 */
#ifndef FILOT_TEST_REDIS_SERVER_H
#define FILOT_TEST_REDIS_SERVER_H

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/redis/redis.h"

struct redis_server {
	char folder[64];
	char socket[96];
	char url[128];
	pid_t pid;
	struct redis *operator; /* a connection for looking at what is there */
};

static inline const char *redis_server_program(void)
{
	const char *program = getenv("FILOT_TEST_REDIS");
	return program && *program ? program : "redis-server";
}

static inline void redis_server_launch(struct redis_server *server)
{
	pid_t parent = getpid();
	server->pid = fork();
	if (server->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		if (!freopen("/dev/null", "w", stdout))
			_exit(127);
		execlp(redis_server_program(), redis_server_program(), "--port", "0", "--unixsocket", server->socket, "--save", "",
		       "--dir", server->folder, (char *)NULL);
		_exit(127);
	}
}

static inline void redis_server_kill(struct redis_server *server)
{
	(void)kill(server->pid, SIGKILL);
	(void)waitpid(server->pid, NULL, 0);
}

/* Ends the program with a TAP skip when there is no redis-server, with a failure when it does not answer. */
static inline void redis_server_start(struct redis_server *server)
{
	(void)signal(SIGPIPE, SIG_IGN);
	char look[512];
	(void)snprintf(look, sizeof look, "command -v '%s' >/dev/null 2>&1", redis_server_program());
	if (system(look) != 0) {
		printf("1..0 # SKIP %s is not installed\n", redis_server_program());
		exit(0);
	}
	*server = (struct redis_server){ .folder = "/tmp/filot-test-XXXXXX" };
	if (!mkdtemp(server->folder))
		abort();
	(void)snprintf(server->socket, sizeof server->socket, "%s/redis", server->folder);
	(void)snprintf(server->url, sizeof server->url, "redis+unix://%s", server->socket);
	redis_server_launch(server);
	struct error error = { 0 };
	struct redis_settings settings = { .url = server->url, .reconnect_ms = 10000 };
	server->operator= redis_new(&settings, &error);
	if (!server->operator|| !redis_connect(server->operator, 10000, &error)) {
		printf("Bail out! %s\n", error.message);
		redis_server_kill(server);
		exit(1);
	}
}

static inline void redis_server_stop(struct redis_server *server)
{
	redis_free(server->operator);
	redis_server_kill(server);
	(void)unlink(server->socket);
	(void)rmdir(server->folder);
}

/* One command of words separated by spaces; its reply as a number, 0 for nothing, -1 when it is none. */
__attribute__((format(printf, 2, 3))) static inline long long redis_server_ask(struct redis_server *server,
										 const char *format, ...)
{
	char text[512];
	const char *argv[32];
	int argc = 0;
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (char *place = NULL, *word = strtok_r(text, " ", &place); word && argc < 32;
	     word = strtok_r(NULL, " ", &place))
		argv[argc++] = word;
	struct error error = { 0 };
	redisReply *reply = redis_command(server->operator, true, argc, argv, NULL, &error);
	long long number = !reply				? -1
			   : reply->type == REDIS_REPLY_ARRAY	? (long long)reply->elements
			   : reply->type == REDIS_REPLY_INTEGER ? reply->integer
			   : reply->type == REDIS_REPLY_STRING	? strtoll(reply->str, NULL, 10)
			   : reply->type == REDIS_REPLY_NIL	? 0
								: -1;
	if (!reply)
		printf("# %s\n", error.message);
	else if (reply->type == REDIS_REPLY_ERROR)
		printf("# %s\n", reply->str);
	freeReplyObject(reply);
	return number;
}

#endif
