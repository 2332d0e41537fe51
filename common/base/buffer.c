/* Growing byte buffers: doubling, one allocation each, failure remembered. */
#include "common/base/buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buffer_reserve(struct buffer *buffer, size_t length)
{
	if (buffer->failed)
		return NULL;
	if (length > SIZE_MAX / 2 - buffer->length - 1)
		goto failed;
	size_t needed = buffer->length + length + 1;
	if (needed > buffer->capacity) {
		size_t capacity = buffer->capacity ? buffer->capacity : 256;
		while (capacity < needed)
			capacity *= 2;
		char *data = realloc(buffer->data, capacity);
		if (!data)
			goto failed;
		buffer->data = data;
		buffer->capacity = capacity;
		buffer->data[buffer->length] = '\0';
	}
	return buffer->data + buffer->length;
failed:
	buffer->failed = true;
	return NULL;
}

void buffer_added(struct buffer *buffer, size_t length)
{
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
	char *end = buffer_reserve(buffer, length);
	if (!end)
		return;
	if (length)
		memcpy(end, bytes, length);
	buffer_added(buffer, length);
}

void buffer_append_string(struct buffer *buffer, const char *string)
{
	buffer_append(buffer, string, strlen(string));
}

void buffer_append_char(struct buffer *buffer, char character)
{
	buffer_append(buffer, &character, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_list again;
	va_start(arguments, format);
	va_copy(again, arguments);
	/* Where it mostly fits; written a second time when it did not. */
	size_t room = buffer->failed ? 0 : buffer->capacity - buffer->length;
	int length = vsnprintf(room ? buffer->data + buffer->length : NULL, room, format, arguments);
	va_end(arguments);
	char *end = length < 0 ? NULL : buffer_reserve(buffer, (size_t)length);
	if (end) {
		if ((size_t)length >= room)
			(void)vsnprintf(end, (size_t)length + 1, format, again);
		buffer_added(buffer, (size_t)length);
	} else {
		buffer->failed = true;
	}
	va_end(again);
}

size_t uri_base_length(const char *uri)
{
	size_t length = strlen(uri);
	while (length && uri[length - 1] == '/')
		length--;
	return length;
}

void buffer_append_uri(struct buffer *buffer, const char *text, bool path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	for (; *text; text++)
		if (strchr(plain, *text) || (path && *text == '/'))
			buffer_append_char(buffer, *text);
		else
			buffer_printf(buffer, "%%%02X", (unsigned char)*text);
}

void buffer_consume(struct buffer *buffer, size_t length)
{
	if (length > buffer->length)
		length = buffer->length;
	if (!length)
		return;
	memmove(buffer->data, buffer->data + length, buffer->length - length + 1);
	buffer->length -= length;
}

void buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = false;
	if (buffer->data)
		buffer->data[0] = '\0';
}

char *buffer_take(struct buffer *buffer)
{
	char *data = buffer->failed ? NULL : buffer_reserve(buffer, 0) ? buffer->data : NULL;
	if (!data)
		free(buffer->data);
	*buffer = (struct buffer){ 0 };
	return data;
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ 0 };
}
