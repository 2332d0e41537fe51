/* A page that needs nothing from elsewhere, and what a browser is told to let it do. */
#ifndef FILOT_HTTP_PAGE_H
#define FILOT_HTTP_PAGE_H

#include <stdbool.h>

#include "common/base/error.h"

#define PAGE_POLICY_SIZE 512

/*
 * The page's Content-Security-Policy: its one <script> and its one <style> run, named by their SHA-256; it may fetch from
 * where it came from, and nothing else. ERROR_INTERNAL when it lacks one of them.
 */
bool page_policy(const char *html, char policy[static PAGE_POLICY_SIZE], struct error *error);

#endif
