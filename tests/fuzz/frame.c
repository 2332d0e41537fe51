/* Frames as the other process of a pair sends them: taken one by one, and passed on, which must change nothing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <unistd.h>

#include "common/ocr/reader_protocol.h"

#define MOST_BYTES 4096 /* fits a socket's buffer in any pieces */

/* A socket that has these bytes to be read, and then the end. */
static int filled(const uint8_t *bytes, size_t length)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 || send(pair[1], bytes, length, 0) != (ssize_t)length)
		abort();
	(void)close(pair[1]);
	return pair[0];
}

static size_t receive_all(int socket)
{
	enum frame_type type;
	struct buffer payload = { 0 };
	struct error error = { 0 };
	size_t total = 0;
	int descriptor = -1;
	while (frame_receive(socket, &type, &payload, MOST_BYTES, 0, -1, &descriptor, &error))
		total += 5 + payload.length;
	buffer_free(&payload);
	return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char passed[MOST_BYTES];
	int pair[2];
	enum frame_type type;
	struct error error = { 0 };
	if (length > MOST_BYTES || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return 0;
	int from = filled(bytes, length);
	size_t whole = receive_all(from);
	(void)close(from);
	from = filled(bytes, length);
	for (size_t at = 0; frame_relay(from, pair[0], &type, &error) == FRAME_RELAYED;) {
		ssize_t count = recv(pair[1], passed, sizeof passed, MSG_DONTWAIT);
		if (count < 5 || at + (size_t)count > whole || memcmp(passed, bytes + at, (size_t)count) != 0)
			abort();
		at += (size_t)count;
	}
	(void)close(from);
	(void)close(pair[0]);
	(void)close(pair[1]);
	return 0;
}
