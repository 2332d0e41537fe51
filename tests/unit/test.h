/*
 * TAP for C tests: a test is a function named after what holds, CHECK says what must be true, main lists the tests.
 *
 *   static void a_ulid_has_26_characters(void) { … CHECK(strlen(text) == 26); }
 *   int main(void) { TEST(a_ulid_has_26_characters); return test_done(); }
 */
#ifndef FILOT_TEST_H
#define FILOT_TEST_H

#include <stdio.h>
#include <string.h>

static int test_count;
static int test_failures;
static int test_bad_checks;

#define CHECK(condition)                                                                        \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			test_bad_checks++;                                                      \
			printf("# %s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
		}                                                                               \
	} while (0)

/* Two strings, either of which may be NULL. */
#define CHECK_STRING(actual, expected)                                                                         \
	do {                                                                                                   \
		const char *actual_ = (actual), *expected_ = (expected);                                       \
		if (!actual_ || !expected_ ? actual_ != expected_ : strcmp(actual_, expected_) != 0) {         \
			test_bad_checks++;                                                                     \
			printf("# %s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #actual,             \
			       actual_ ? actual_ : "(null)", expected_ ? expected_ : "(null)");                \
		}                                                                                              \
	} while (0)

#define CHECK_INTEGER(actual, expected)                                                                  \
	do {                                                                                             \
		long long actual_ = (long long)(actual), expected_ = (long long)(expected);              \
		if (actual_ != expected_) {                                                              \
			test_bad_checks++;                                                               \
			printf("# %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, actual_, expected_); \
		}                                                                                        \
	} while (0)

#define TEST(function)                                                                                     \
	do {                                                                                               \
		test_bad_checks = 0;                                                                       \
		function();                                                                                \
		test_count++;                                                                              \
		test_failures += test_bad_checks > 0;                                                      \
		printf("%sok %d - %s\n", test_bad_checks ? "not " : "", test_count, #function);            \
		(void)fflush(stdout);                                                                      \
	} while (0)

static inline int test_done(void)
{
	printf("1..%d\n", test_count);
	return test_failures ? 1 : 0;
}

#endif
