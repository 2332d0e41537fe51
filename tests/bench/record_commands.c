/*
 * A Redis that only listens: takes one connection on a Unix socket, answers the greeting, says yes to every script call
 * and writes each of these in the protocol to standard output, so that `redis-cli --pipe` can send the very same bytes.
 *
 *   record_commands SOCKET > COMMANDS     prints "listening" on standard error once it does
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_on(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (listener < 0 || bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    listen(listener, 1) != 0) {
		perror(path);
		exit(1);
	}
	fprintf(stderr, "listening\n");
	return accept(listener, NULL, NULL);
}

/* Script calls are written out; the empty answer says that no job was a duplicate. */
static void take_command(int connection, const redisReply *command)
{
	const char *words[4096];
	size_t lengths[4096];
	const char *name = command->element[0]->str;
	const char *answer = strcmp(name, "EVALSHA") == 0 ? "$0\r\n\r\n"
			     : strcmp(name, "PING") == 0  ? "+PONG\r\n"
							  : "+OK\r\n";
	if (command->elements > sizeof words / sizeof *words) {
		fprintf(stderr, "a command of %zu words\n", command->elements);
		exit(1);
	}
	if (strcmp(name, "EVALSHA") == 0) {
		char *bytes = NULL;
		for (size_t index = 0; index < command->elements; index++) {
			words[index] = command->element[index]->str;
			lengths[index] = command->element[index]->len;
		}
		long long length = redisFormatCommandArgv(&bytes, (int)command->elements, words, lengths);
		if (length <= 0 || fwrite(bytes, (size_t)length, 1, stdout) != 1)
			exit(1);
		redisFreeCommand(bytes);
	}
	if (write(connection, answer, strlen(answer)) < 0)
		exit(1);
}

int main(int argc, char **argv)
{
	static char bytes[65536];
	if (argc != 2) {
		fprintf(stderr, "usage: record_commands SOCKET > COMMANDS\n");
		return 64;
	}
	int connection = listen_on(argv[1]);
	redisReader *reader = redisReaderCreate();
	for (ssize_t count; reader && (count = read(connection, bytes, sizeof bytes)) > 0;) {
		void *command = NULL;
		if (redisReaderFeed(reader, bytes, (size_t)count) != REDIS_OK)
			return 1;
		while (redisReaderGetReply(reader, &command) == REDIS_OK && command) {
			take_command(connection, command);
			freeReplyObject(command);
			command = NULL;
		}
	}
	redisReaderFree(reader);
	return fflush(stdout) == 0 ? 0 : 1;
}
