/* What the files of struct job share: the rules of its members, and the short way for plain jobs. Nobody else includes
 * it. */
#ifndef FILOT_JOB_PRIVATE_H
#define FILOT_JOB_PRIVATE_H

#include <stddef.h>

#include "common/json/job.h"

#define JOB_MOST_ATTEMPTS 1000000

/* The members that are texts of struct job, then the other ones. */
enum job_member {
	JOB_DOCUMENT,
	JOB_URI,
	JOB_SHA256,
	JOB_MEDIA_TYPE,
	JOB_LANG,
	JOB_KEY,
	JOB_TRACE,
	JOB_TENANT,
	JOB_TEXT_COUNT,
	JOB_ID = JOB_TEXT_COUNT,
	JOB_PRIORITY,
	JOB_ENQUEUED_AT,
	JOB_STRING_COUNT,
	JOB_VERSION = JOB_STRING_COUNT,
	JOB_ATTEMPT,
	JOB_FIRST_ATTEMPT,
	JOB_MEMBER_COUNT
};

extern const char *const job_member_names[JOB_MEMBER_COUNT];

/* `valid` takes UTF-8 without NUL; `rule` is what the message says when it is not. */
struct job_rule {
	size_t offset; /* in struct job */
	bool (*valid)(const char *text);
	const char *rule;
};

extern const struct job_rule job_rules[JOB_TEXT_COUNT];

/* Where the job keeps the member's text. */
const char **job_text(struct job *job, enum job_member member);

bool job_utf8_valid(const char *text);

/* The texts of a template in the order of enum job_member; NULL gives none. */
void job_template_texts(const struct job_template *given, const char *texts[static JOB_TEXT_COUNT]);

/*
 * A job of a line (NULL: of no line), then of what is given (NULL: nothing), then of defaults, without a tree of
 * values. The line must be plain: one flat object of the members above, each at most once, without spaces, escapes and
 * other bytes than ASCII, numbers whole and of at most nine digits; that is what nearly all lines are. False, with
 * nothing left behind and nothing said, when it is not, when any rule is broken or memory ends: then the long way is
 * gone.
 */
bool job_plain(struct job *job, const char *line, size_t length, const struct job_template *given);

#endif
