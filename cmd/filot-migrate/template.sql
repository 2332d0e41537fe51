--
-- This file runs in one transaction, under --lock-timeout, while the old program still works on the schema: add first,
-- take away in a later release. Statements that no transaction takes (create index concurrently …) go in a file of
-- their own, one each, whose head says
--	-- filot: no-transaction
-- (without the tab). Once it was applied anywhere a file is never edited; the next one mends it.

