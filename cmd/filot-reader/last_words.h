/*
 * Libraries that end the process when memory ends (Poppler, GLib and C++ abort; codecs follow a NULL) leave no error
 * behind. This answers for them, so that the parent says out_of_memory and not only that its reader died.
 */
#ifndef FILOT_READER_LAST_WORDS_H
#define FILOT_READER_LAST_WORDS_H

/*
 * From now on, a signal by which a process dies of itself sends an ERROR_OUT_OF_MEMORY frame to `socket` first, if memory
 * is nearly used up; the process dies of the signal in any case.
 */
void last_words_prepare(int socket);

#endif
