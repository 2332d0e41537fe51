/*
 * Frames over a stream socket. A frame leaves with one sendmsg where it fits, so that the descriptor is tied to its first
 * byte; it is received without trust in its length: memory grows with the bytes that have come, not with what was
 * promised, and the deadline is for the whole frame, so that a peer that drips bytes gains nothing.
 */
#include "common/ocr/reader_protocol.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/base/clock.h"

#define HEADER_BYTES 5
#define RECEIVE_STEP_BYTES (1024 * 1024)
#define RELAY_STEP_BYTES (128 * 1024)
#define MOST_DESCRIPTORS 4 /* room for more than the one we take, so that a surplus is seen and closed */

union descriptor_room {
	char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
	struct cmsghdr align;
};

static void attach_descriptor(struct msghdr *message, union descriptor_room *room, int descriptor)
{
	memset(room, 0, sizeof *room);
	message->msg_control = room->bytes;
	message->msg_controllen = CMSG_SPACE(sizeof descriptor);
	struct cmsghdr *control = CMSG_FIRSTHDR(message);
	control->cmsg_level = SOL_SOCKET;
	control->cmsg_type = SCM_RIGHTS;
	control->cmsg_len = CMSG_LEN(sizeof descriptor);
	memcpy(CMSG_DATA(control), &descriptor, sizeof descriptor);
}

/* Sends all of two pieces of memory, which are moved on; with a descriptor when the message has one. */
static bool send_pieces(int socket, struct msghdr *message, struct iovec pieces[static 2], struct error *error)
{
	while (pieces[0].iov_len + pieces[1].iov_len > 0) {
		ssize_t sent = sendmsg(socket, message, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return error_set(error, errno == EAGAIN ? ERROR_TIMEOUT : ERROR_UNAVAILABLE,
					 "cannot send to the other process: %s", strerror(errno));
		message->msg_control = NULL;
		message->msg_controllen = 0;
		for (int index = 0; index < 2; index++) {
			size_t part = (size_t)sent < pieces[index].iov_len ? (size_t)sent : pieces[index].iov_len;
			if (part) /* an empty payload may be NULL */
				pieces[index].iov_base = (char *)pieces[index].iov_base + part;
			pieces[index].iov_len -= part;
			sent -= (ssize_t)part;
		}
	}
	return true;
}

bool frame_send(int socket, enum frame_type type, const void *payload, size_t length, int descriptor,
		struct error *error)
{
	if (length > FRAME_LONGEST_BYTES)
		return error_set(error, ERROR_TOO_LARGE, "a frame of %zu bytes is longer than %d", length,
				 FRAME_LONGEST_BYTES);
	unsigned char header[HEADER_BYTES] = { (unsigned char)length, (unsigned char)(length >> 8),
					       (unsigned char)(length >> 16), (unsigned char)(length >> 24),
					       (unsigned char)type };
	struct iovec pieces[2] = { { header, sizeof header }, { (void *)(uintptr_t)payload, length } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	union descriptor_room room;
	if (descriptor >= 0)
		attach_descriptor(&message, &room, descriptor);
	return send_pieces(socket, &message, pieces, error);
}

/* Keeps the first descriptor of a message and closes the others. */
static void take_descriptors(struct msghdr *message, int *descriptor)
{
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
		if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t index = 0; index < count; index++) {
			int received;
			memcpy(&received, CMSG_DATA(control) + index * sizeof received, sizeof received);
			if (*descriptor < 0)
				*descriptor = received;
			else
				close(received);
		}
	}
}

/* Waits until the socket has bytes (or its end) to give. */
static bool wait_readable(int socket, int64_t deadline_ms, int interrupt, struct error *error)
{
	struct pollfd polled[2] = { { .fd = socket, .events = POLLIN }, { .fd = interrupt, .events = POLLIN } };
	for (;;) {
		int64_t left_ms = -1;
		if (deadline_ms) {
			left_ms = deadline_ms - clock_monotonic_ms();
			if (left_ms <= 0)
				return error_set(error, ERROR_TIMEOUT, "no answer in time");
			if (left_ms > INT_MAX)
				left_ms = INT_MAX;
		}
		int ready = poll(polled, 2, (int)left_ms);
		if (ready < 0 && errno != EINTR)
			return error_set(error, ERROR_INTERNAL, "poll: %s", strerror(errno));
		if (ready <= 0)
			continue;
		if (polled[1].revents)
			return error_set(error, ERROR_TRY_AGAIN, "interrupted while waiting for the other process");
		return true;
	}
}

/* Between 1 and `length` bytes. `descriptor` NULL: the kernel drops any descriptor that comes along. */
static bool receive_some(int socket, void *bytes, size_t length, size_t *received, int *descriptor, struct error *error)
{
	struct iovec piece = { bytes, length };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	union descriptor_room room;
	*received = 0;
	if (descriptor) {
		message.msg_control = room.bytes;
		message.msg_controllen = sizeof room.bytes;
	}
	ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (count < 0 && errno != ECONNRESET)
		return error_set(error, ERROR_INTERNAL, "cannot receive from the other process: %s", strerror(errno));
	if (descriptor)
		take_descriptors(&message, descriptor);
	if (count <= 0)
		return error_set(error, ERROR_UNAVAILABLE, "the other process closed the connection");
	*received = (size_t)count;
	return true;
}

static bool known_type(int type)
{
	static const char known[] = { FRAME_LOAD,   FRAME_READ,	 FRAME_COMPOSE, FRAME_COUNT, FRAME_PAGE,
				      FRAME_LAYOUT, FRAME_IMAGE, FRAME_BYTES,	FRAME_DONE,  FRAME_ERROR };
	return memchr(known, type, sizeof known) != NULL;
}

/* The length of a frame that begins so; false when no frame does. */
static bool parse_header(const unsigned char header[static HEADER_BYTES], size_t *length, struct error *error)
{
	*length = (size_t)header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16 | (size_t)header[3] << 24;
	return (known_type(header[4]) && *length <= FRAME_LONGEST_BYTES) ||
	       error_set(error, ERROR_INTERNAL, "what came is not a frame (type %d, %zu bytes)", header[4], *length);
}

bool frame_receive(int socket, enum frame_type *type, struct buffer *payload, size_t longest, int64_t deadline_ms,
		   int interrupt, int *descriptor, struct error *error)
{
	unsigned char header[HEADER_BYTES];
	size_t have = 0, received = 0;
	int taken = -1;
	buffer_clear(payload);
	if (descriptor)
		*descriptor = -1;
	while (have < sizeof header) {
		if (!wait_readable(socket, deadline_ms, interrupt, error) ||
		    !receive_some(socket, header + have, sizeof header - have, &received, descriptor ? &taken : NULL,
				  error))
			goto failed;
		have += received;
	}
	size_t length = 0;
	if (!parse_header(header, &length, error))
		goto failed;
	if (length > longest) {
		error_set(error, ERROR_TOO_LARGE, "a frame of %zu bytes came where at most %zu may", length, longest);
		goto failed;
	}
	while (payload->length < length) {
		size_t step = length - payload->length;
		if (step > RECEIVE_STEP_BYTES)
			step = RECEIVE_STEP_BYTES;
		char *end = buffer_reserve(payload, step);
		if (!end) {
			error_set(error, ERROR_OUT_OF_MEMORY, "no memory for a frame of %zu bytes", length);
			goto failed;
		}
		if (!wait_readable(socket, deadline_ms, interrupt, error) ||
		    !receive_some(socket, end, step, &received, NULL, error))
			goto failed;
		buffer_added(payload, received);
	}
	*type = (enum frame_type)header[4];
	if (descriptor)
		*descriptor = taken;
	return true;
failed:
	if (taken >= 0)
		close(taken);
	return false;
}

static bool receive_all(int socket, unsigned char *bytes, size_t length, struct error *error)
{
	size_t have = 0, received = 0;
	while (have < length) {
		if (!wait_readable(socket, 0, -1, error) ||
		    !receive_some(socket, bytes + have, length - have, &received, NULL, error))
			return false;
		have += received;
	}
	return true;
}

enum frame_relayed frame_relay(int from, int to, enum frame_type *type, struct error *error)
{
	unsigned char piece[RELAY_STEP_BYTES];
	size_t length = 0, received = 0, ready = HEADER_BYTES;
	if (!receive_all(from, piece, HEADER_BYTES, error) || !parse_header(piece, &length, error))
		return FRAME_SENDER_ENDED;
	*type = (enum frame_type)piece[4];
	for (;;) {
		/* The header goes with the first piece, so that a short frame is one message. */
		size_t step = length < sizeof piece - ready ? length : sizeof piece - ready;
		received = 0;
		if (step && (!wait_readable(from, 0, -1, error) ||
			     !receive_some(from, piece + ready, step, &received, NULL, error)))
			return FRAME_SENDER_ENDED;
		length -= received;
		struct iovec pieces[2] = { { piece, ready + received }, { NULL, 0 } };
		struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
		if (!send_pieces(to, &message, pieces, error))
			return FRAME_RECEIVER_ENDED;
		explicit_bzero(piece, ready + received);
		ready = 0;
		if (length == 0)
			return FRAME_RELAYED;
	}
}
