-- A ledger as Penstock made it on 26 November 2026, before schemas had numbers.
BEGIN TRANSACTION;
CREATE TABLE artifacts (
	fingerprint VARCHAR NOT NULL, 
	output VARCHAR NOT NULL, 
	type VARCHAR NOT NULL, 
	facts JSON NOT NULL, 
	PRIMARY KEY (fingerprint, output)
);
INSERT INTO "artifacts" VALUES('11111111111111111111111111111111','model','Model','{"path": "model", "digest": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "spec": {"height": 8, "width": 8, "channels": 1, "class_names": ["0", "1"]}}');
CREATE TABLE daemons (
	id VARCHAR NOT NULL, 
	started FLOAT NOT NULL, 
	seen FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "daemons" VALUES('host-1-2',1793500000.0,1793500000.0);
CREATE TABLE excluded_spans (
	pattern VARCHAR NOT NULL, 
	span VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	"by" VARCHAR NOT NULL, 
	time FLOAT NOT NULL, 
	PRIMARY KEY (pattern, span)
);
INSERT INTO "excluded_spans" VALUES('/data/day-{SPAN}','3','torn','ana',1793500000.0);
CREATE TABLE executions (
	run_id VARCHAR NOT NULL, 
	step VARCHAR NOT NULL, 
	component VARCHAR NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	seconds FLOAT NOT NULL, 
	error VARCHAR, 
	PRIMARY KEY (run_id, step), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "executions" VALUES('20261101-030000-digits-0a1b','train','components.train','11111111111111111111111111111111','made',4.7,NULL);
CREATE TABLE file_digests (
	path VARCHAR NOT NULL, 
	size INTEGER NOT NULL, 
	mtime_ns INTEGER NOT NULL, 
	inode INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	PRIMARY KEY (path)
);
INSERT INTO "file_digests" VALUES('/data/images.gz',1,2,3,'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff');
CREATE TABLE freshness_alarms (
	schedule VARCHAR NOT NULL, 
	deadline FLOAT NOT NULL, 
	raised FLOAT NOT NULL, 
	cleared FLOAT, 
	PRIMARY KEY (schedule, deadline)
);
INSERT INTO "freshness_alarms" VALUES('nightly',1793672800.0,1793700000.0,NULL);
CREATE TABLE lineage (
	fingerprint VARCHAR NOT NULL, 
	input VARCHAR NOT NULL, 
	place INTEGER NOT NULL, 
	source VARCHAR NOT NULL, 
	output VARCHAR NOT NULL, 
	PRIMARY KEY (fingerprint, input, place)
);
INSERT INTO "lineage" VALUES('11111111111111111111111111111111','examples',0,'22222222222222222222222222222222','examples');
CREATE TABLE models (
	digest VARCHAR NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "models" VALUES('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','11111111111111111111111111111111');
CREATE TABLE pushes (
	run_id VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	version INTEGER NOT NULL, 
	served_path VARCHAR NOT NULL, 
	time FLOAT NOT NULL, 
	"by" VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	rules JSON NOT NULL, 
	PRIMARY KEY (run_id, served_path), 
	FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "pushes" VALUES('20261101-030000-digits-0a1b','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd',1,'/serving/digits/1',1793500030.0,'ana','it''s a "demonstration"','{"accuracy overall": "at least 0.94"}');
CREATE TABLE runs (
	id VARCHAR NOT NULL, 
	pipeline VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	verdict VARCHAR, 
	exit_code INTEGER, 
	started FLOAT NOT NULL, 
	seconds FLOAT, 
	config JSON NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('20261101-030000-digits-0a1b','digits','done','passed',0,1793500000.0,19.6,'{"seed": 1, "train": {"epochs": 10}}');
CREATE TABLE schedules (
	name VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	"trigger" JSON NOT NULL, 
	created FLOAT NOT NULL, 
	folder VARCHAR, 
	settings JSON NOT NULL, 
	config_file VARCHAR, 
	serving VARCHAR, 
	beam_args JSON NOT NULL, 
	shared_filesystem BOOLEAN NOT NULL, 
	overlap VARCHAR NOT NULL, 
	missed VARCHAR NOT NULL, 
	grace FLOAT NOT NULL, 
	fresh_within FLOAT, 
	max_failures INTEGER NOT NULL, 
	notify JSON NOT NULL, 
	paused VARCHAR, 
	first_due FLOAT NOT NULL, 
	next_due FLOAT NOT NULL, 
	failures INTEGER NOT NULL, 
	last_success FLOAT, 
	alarmed FLOAT, 
	PRIMARY KEY (name)
);
INSERT INTO "schedules" VALUES('nightly','digits','{"kind": "cron", "expression": "0 3 * * *", "tz": "Europe/Zurich"}',1793500000.0,NULL,'["train.epochs=3"]',NULL,NULL,'[]',0,'skip','once',300.0,172800.0,3,'["command:tell"]',NULL,1793584800.0,1793671200.0,1,NULL,1793672800.0);
CREATE TABLE ticks (
	schedule VARCHAR NOT NULL, 
	due FLOAT NOT NULL, 
	kind VARCHAR NOT NULL, 
	outcome VARCHAR, 
	run_id VARCHAR, 
	verdict VARCHAR, 
	detail VARCHAR NOT NULL, 
	claimed FLOAT NOT NULL, 
	launched FLOAT, 
	ended FLOAT, 
	attempts INTEGER NOT NULL, 
	data_key VARCHAR, 
	pushed BOOLEAN NOT NULL, 
	times INTEGER NOT NULL, 
	until FLOAT, 
	PRIMARY KEY (schedule, due, kind)
);
INSERT INTO "ticks" VALUES('nightly',1793584800.0,'due','ran','20261101-030000-digits-0a1b','failed','',1793584801.0,1793584801.0,1793584820.0,1,'k',0,1,NULL);
CREATE TABLE trusted_models (
	digest VARCHAR NOT NULL, 
	path VARCHAR NOT NULL, 
	time FLOAT NOT NULL, 
	"by" VARCHAR NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "trusted_models" VALUES('eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee','/models/other',1793500000.0,'ana');
CREATE TABLE unreadable_spans (
	pattern VARCHAR NOT NULL, 
	span VARCHAR NOT NULL, 
	version INTEGER, 
	stamp VARCHAR NOT NULL, 
	why VARCHAR NOT NULL, 
	time FLOAT NOT NULL, 
	PRIMARY KEY (pattern, span)
);
INSERT INTO "unreadable_spans" VALUES('/data/day-{SPAN}','4',NULL,'s','half a file',1793500000.0);
CREATE INDEX open_ticks ON ticks (due) WHERE outcome IS NULL;
COMMIT;
