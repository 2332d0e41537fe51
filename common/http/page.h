/* A page that needs nothing from elsewhere, and what a browser is told to let it do. */
#ifndef FILOT_HTTP_PAGE_H
#define FILOT_HTTP_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/error.h"

#define PAGE_POLICY_SIZE 512
#define PAGE_SOURCE_SIZE 64

/*
 * The page's Content-Security-Policy: its one <script> and its one <style> run, named by their SHA-256; it may fetch from
 * where it came from, and nothing else. ERROR_INTERNAL when it lacks one of them.
 */
bool page_policy(const char *html, char policy[static PAGE_POLICY_SIZE], struct error *error);

/* The text of a script or style as its policy names it, "'sha256-BASE64'". ERROR_INTERNAL when OpenSSL refuses. */
bool page_hash(const char *text, size_t length, char source[static PAGE_SOURCE_SIZE], struct error *error);

#endif
