/* The memory file is written over for each part: it never grows beyond one. */
#include "cmd/filot-api/upload.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool upload_open(struct upload *upload, int64_t announced, struct error *error)
{
	upload->file = -1;
	upload->part_bytes = store_part_bytes(announced);
	upload->sum = sha256_new(error);
	if (!upload->sum)
		return false;
	if (upload->store && (upload->file = memfd_create("upload", MFD_CLOEXEC)) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, "memory file: %s", strerror(errno));
	return true;
}

void upload_close(struct upload *upload)
{
	store_parts_free(upload->parts);
	sha256_free(upload->sum);
	if (upload->file >= 0)
		(void)close(upload->file);
	upload->parts = NULL;
	upload->sum = NULL;
	upload->file = -1;
}

static bool know_media(struct upload *upload, struct error *error)
{
	if (!upload->media_known && !media_find(upload->prefix, upload->prefix_length, &upload->media, error))
		return false;
	upload->media_known = true;
	return true;
}

static bool look(struct upload *upload, const char *bytes, size_t length, struct error *error)
{
	size_t room = sizeof upload->prefix - upload->prefix_length;
	size_t taken = length < room ? length : room;
	if (!room)
		return true;
	memcpy(upload->prefix + upload->prefix_length, bytes, taken);
	upload->prefix_length += taken;
	return taken < room || know_media(upload, error);
}

static bool rewind_file(struct upload *upload, struct error *error)
{
	return lseek(upload->file, 0, SEEK_SET) == 0 ||
	       error_set(error, ERROR_INTERNAL, "memory file: %s", strerror(errno));
}

static bool flush_part(struct upload *upload, struct error *error)
{
	if (!upload->keep(upload->context, error) || !rewind_file(upload, error))
		return false;
	if (!upload->parts)
		upload->parts =
		    store_parts_begin(upload->store, NULL, upload->key, media_types[upload->media], error);
	if (!upload->parts || !store_parts_put(upload->parts, upload->file, upload->filled, error))
		return false;
	upload->filled = 0;
	return rewind_file(upload, error);
}

static bool keep_bytes(struct upload *upload, const char *bytes, size_t length, struct error *error)
{
	while (length) {
		/* A full part waits for another byte: the last part may be as long, but must not be empty. */
		if (upload->filled == upload->part_bytes && !flush_part(upload, error))
			return false;
		int64_t room = upload->part_bytes - upload->filled;
		ssize_t written = write(upload->file, bytes, (int64_t)length < room ? length : (size_t)room);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return error_set(error, ERROR_OUT_OF_MEMORY, "memory file: %s", strerror(errno));
		upload->filled += written;
		bytes += written;
		length -= (size_t)written;
	}
	return true;
}

bool upload_write(struct upload *upload, const char *bytes, size_t length, struct error *error)
{
	if (!sha256_add(upload->sum, bytes, length))
		return error_set(error, ERROR_INTERNAL, "SHA-256: OpenSSL refused");
	upload->bytes += (int64_t)length;
	return look(upload, bytes, length, error) && (!upload->store || keep_bytes(upload, bytes, length, error));
}

static bool finish_object(struct upload *upload, struct error *error)
{
	if (upload->parts)
		return flush_part(upload, error) && store_parts_complete(upload->parts, error);
	return upload->keep(upload->context, error) && rewind_file(upload, error) &&
	       store_put(upload->store, NULL, upload->key, upload->file, upload->filled, media_types[upload->media],
			 upload->sha256, error);
}

bool upload_finish(struct upload *upload, struct error *error)
{
	bool summed = sha256_finish(upload->sum, upload->sha256);
	upload->sum = NULL;
	if (!summed)
		return error_set(error, ERROR_INTERNAL, "SHA-256: OpenSSL refused");
	return know_media(upload, error) && (!upload->store || finish_object(upload, error));
}
