/*
 * Libraries that end the process when memory ends (Poppler, GLib and C++ abort; codecs follow a NULL) leave no error
 * behind. This makes their end tell, so that the parent says out_of_memory and not only that its reader died.
 */
#ifndef FILOT_READER_LAST_WORDS_H
#define FILOT_READER_LAST_WORDS_H

/*
 * From now on, a signal by which a process dies of itself ends it with READER_EXIT_OUT_OF_MEMORY (reader_protocol.h)
 * instead, if memory is nearly used up.
 */
void last_words_prepare(void);

#endif
