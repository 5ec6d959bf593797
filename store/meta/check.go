package meta

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// prepare makes the table, or brings one of an earlier release up to date, and
// reads all of it: SQLite keeps no checksums of its own.
func (s *Store) prepare(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS document (
		kind TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, deleted INTEGER NOT NULL, at INTEGER NOT NULL, checksum INTEGER,
		PRIMARY KEY (kind, name, version)) WITHOUT ROWID`)
	if err != nil {
		return err
	}
	var columns int
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM pragma_table_info('document') WHERE name = 'checksum'`).Scan(&columns); err != nil {
		return err
	}
	if columns == 0 {
		if _, err := s.db.ExecContext(ctx, `ALTER TABLE document ADD COLUMN checksum INTEGER`); err != nil {
			return err
		}
	}
	return errors.Join(s.checkPages(ctx), s.checkDocuments(ctx))
}

// checkPages lets SQLite look for what is wrong with its file.
func (s *Store) checkPages(ctx context.Context) error {
	var found string
	if err := s.db.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return errors.New(found)
	}
	return nil
}

// checkDocuments compares every version with its checksum, which those of earlier
// releases do not have, and finds versions that are missing.
func (s *Store) checkDocuments(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, `SELECT kind, name, version, body, deleted, at, checksum FROM document ORDER BY kind, name, version`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var last Document
	for rows.Next() {
		var d Document
		var at int64
		var stored sql.NullInt64
		if err := rows.Scan(&d.Kind, &d.Name, &d.Version, &d.Body, &d.Deleted, &at, &stored); err != nil {
			return err
		}
		if stored.Valid && stored.Int64 != int64(checksum(d, at)) {
			return fmt.Errorf("version %d of %s %q has a wrong checksum", d.Version, d.Kind, d.Name)
		}
		want := 1
		if d.Kind == last.Kind && d.Name == last.Name {
			want = last.Version + 1
		}
		if d.Version != want {
			return fmt.Errorf("version %d of %s %q is missing", want, d.Kind, d.Name)
		}
		last = d
	}
	return rows.Err()
}

// checksum is over all of a version; at is in milliseconds since 1970.
func checksum(d Document, at int64) uint32 {
	var text []byte
	for _, part := range []string{d.Kind, d.Name, d.Body} {
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
	}
	text = binary.BigEndian.AppendUint64(text, uint64(d.Version))
	text = binary.BigEndian.AppendUint64(text, uint64(at))
	if d.Deleted {
		text = append(text, 1)
	}
	return crc32.Checksum(text, castagnoli)
}
