/*
 * Documents looked up by id, several in one statement when they are asked for at the same time. A statement costs PostgreSQL
 * and us more than the row that it finds, so requests that come while LOOKUPS_AT_ONCE statements are under way wait for one
 * of them to end and go together in the next. Nothing is kept: each row is read by a statement that was sent after it was
 * asked for, and each is found by the id and the owner of who asked for it.
 */
#ifndef API_LOOKUPS_H
#define API_LOOKUPS_H

#include "common/base/error.h"
#include "common/pg/pg.h"

struct lookups;
struct lookup_batch;

/* Columns of documents_get.sql, by lookup_value. */
enum lookup_column { LOOKUP_NUMBER, LOOKUP_JSON, LOOKUP_URI, LOOKUP_NAME, LOOKUP_STATE, LOOKUP_ERROR };

struct lookup {
	struct lookup_batch *batch; /* NULL: no such document */
	int row;
};

struct lookups *lookups_new(struct error *error); /* ERROR_OUT_OF_MEMORY */
void lookups_free(struct lookups *lookups); /* NULL is fine; nobody may be asking */

/*
 * The document `id` when it is `owner`'s (NULL: anybody's) and not deleted. From any thread; `pg` is the caller's own. True
 * also when there is none. False with pg_query's errors.
 */
bool lookups_find(struct lookups *lookups, struct pg *pg, const char *id, const char *owner, struct lookup *found,
		  struct error *error);
void lookup_end(struct lookup *found); /* its values go with it; one without a batch is fine */

/* NULL for SQL's null. */
const char *lookup_value(const struct lookup *found, enum lookup_column column);

#endif
