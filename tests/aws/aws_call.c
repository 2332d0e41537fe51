/*
 * One call of the AWS CLI that aws_warm.py has loaded: aws ARG…, with the CLI's socket in $AWS_WARM_SOCKET.
 *
 * Hands over the folder, the arguments and the environment, each with the NUL that ends it, and the standard files; the
 * exit status comes back as one byte. In C because deployments make many calls and an interpreter starts slowly.
 */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

static void text_add(FILE *text, const char *word)
{
	fwrite(word, 1, strlen(word) + 1, text);
}

/* The first bytes, two counts, go with the three standard files. */
static int files_send(int connection, const uint32_t counts[2])
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = { 0 };
	struct iovec bytes = { (void *)counts, 2 * sizeof *counts };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(3 * sizeof(int));
	memcpy(CMSG_DATA(header), (int[]){ 0, 1, 2 }, 3 * sizeof(int));
	return sendmsg(connection, &message, 0) == (ssize_t)bytes.iov_len ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("AWS_WARM_SOCKET");
	char *asked = NULL, folder[PATH_MAX];
	size_t size = 0, sent = 0;
	unsigned char status;
	int connection = socket(AF_UNIX, SOCK_STREAM, 0);
	FILE *text = open_memstream(&asked, &size);
	if (path == NULL || text == NULL || getcwd(folder, sizeof folder) == NULL)
		return 255;
	text_add(text, folder);
	for (int index = 1; index < argc; index++)
		text_add(text, argv[index]);
	for (char **pair = environ; *pair != NULL; pair++)
		text_add(text, *pair);
	fclose(text);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0 ||
	    files_send(connection, (uint32_t[]){ (uint32_t)size, (uint32_t)(argc - 1) }) != 0)
		return 255;
	while (sent < size) {
		ssize_t count = write(connection, asked + sent, size - sent);
		if (count <= 0)
			return 255;
		sent += (size_t)count;
	}
	free(asked);
	return read(connection, &status, 1) == 1 ? status : 255;
}
