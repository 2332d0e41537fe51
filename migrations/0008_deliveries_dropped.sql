-- Dead deliveries that a person has done with: they stay as a record and do not come back with the other dead ones.

alter table deliveries add column dropped_at timestamptz;
comment on column deliveries.dropped_at is 'A dead delivery that filot-buli2 --drop-dead took away: it is never sent again.';
