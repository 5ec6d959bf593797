// Package meta keeps definitions and other small facts in SQLite: versioned
// documents by kind and name.
//
// It is not the catalog (it does not know what a definition means) and not for
// histories, which are rows in tables.
//
// Flow: Open makes or checks the database (check.go) → Put, Delete and Change make
// new versions → All and History read them.
//
// Invariants:
//  1. A Put that returned nil survives a power loss (synchronous=FULL).
//  2. Versions of one document count 1, 2, 3 … without gaps, deletions included;
//     no version is ever changed.
//  3. Open reads everything. What is damaged is a problem.Corrupt that names the
//     file and, where it can be told, the document; never a wrong definition.
package meta

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"

	_ "modernc.org/sqlite" // the database driver "sqlite"
)

// bodyBytesMax is how large a document may be.
const bodyBytesMax = 1 << 20

// Document is one version of a definition.
type Document struct {
	Kind    string
	Name    string
	Version int
	Body    string
	Deleted bool // this version says that the document is gone
	At      time.Time
}

// Store is an open database. It is safe for concurrent use.
type Store struct{ db *sql.DB }

// Open opens or makes the database in dir.
func Open(ctx context.Context, files vfs.FS, dir string) (*Store, error) {
	if err := vfs.MakeDir(files, dir); err != nil {
		return nil, fmt.Errorf("make folder of the metadata: %w", err)
	}
	path := filepath.Join(dir, "meta.sqlite")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=wal_autocheckpoint(1)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open metadata: %w", err)
	}
	s := &Store{db}
	if err := s.prepare(ctx); err != nil {
		_ = db.Close()
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open metadata: %w", err)
		}
		return nil, fmt.Errorf("open metadata: %w", problem.New(problem.Corrupt, "%s, which holds the definitions, cannot be read: %v", path, err).
			WithHint("restore a copy of the file, or move it away to start without definitions"))
	}
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Put makes body the newest version of the document and returns its number. The
// same body again makes no new version.
func (s *Store) Put(ctx context.Context, kind, name, body string) (version int, err error) {
	if len(body) > bodyBytesMax {
		return 0, problem.New(problem.TooLarge, "the definition of %s has %d bytes, more than %d", name, len(body), bodyBytesMax)
	}
	return s.add(ctx, Document{Kind: kind, Name: name, Body: body})
}

// Delete says that the document is gone. One that is not there is no error.
func (s *Store) Delete(ctx context.Context, kind, name string) error {
	_, err := s.add(ctx, Document{Kind: kind, Name: name, Deleted: true})
	return err
}

// Change makes new versions of several documents, all or none of them. Kind, Name,
// Body and Deleted of each say what Put and Delete are told.
func (s *Store) Change(ctx context.Context, all ...Document) error {
	for _, d := range all {
		if len(d.Body) > bodyBytesMax {
			return problem.New(problem.TooLarge, "the definition of %s has %d bytes, more than %d", d.Name, len(d.Body), bodyBytesMax)
		}
	}
	return s.transact(ctx, func(tx *sql.Tx) error {
		for _, d := range all {
			if _, err := addIn(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) add(ctx context.Context, d Document) (version int, err error) {
	err = s.transact(ctx, func(tx *sql.Tx) error {
		version, err = addIn(ctx, tx, d)
		return err
	})
	return version, err
}

// transact runs work as one transaction.
func (s *Store) transact(ctx context.Context, work func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store definitions: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	if err := work(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("store definitions: %w", err)
	}
	return nil
}

// addIn adds the next version of a document, if it differs from the last one.
func addIn(ctx context.Context, tx *sql.Tx, d Document) (int, error) {
	var last Document
	err := tx.QueryRowContext(ctx, `SELECT version, body, deleted FROM document WHERE kind = ? AND name = ? ORDER BY version DESC LIMIT 1`, d.Kind, d.Name).
		Scan(&last.Version, &last.Body, &last.Deleted)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		if d.Deleted {
			return 0, nil
		}
	case err != nil:
		return 0, fmt.Errorf("store %s %s: %w", d.Kind, d.Name, err)
	case last.Deleted == d.Deleted && last.Body == d.Body:
		return last.Version, nil
	}
	d.Version = last.Version + 1
	at := time.Now().UnixMilli()
	_, err = tx.ExecContext(ctx, `INSERT INTO document (kind, name, version, body, deleted, at, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		d.Kind, d.Name, d.Version, d.Body, d.Deleted, at, checksum(d, at))
	if err != nil {
		return 0, fmt.Errorf("store %s %s: %w", d.Kind, d.Name, err)
	}
	return d.Version, nil
}

// All gives the newest version of every document of a kind that is not deleted,
// in order of when each was first stored, so that what is built on others comes
// after them.
func (s *Store) All(ctx context.Context, kind string) ([]Document, error) {
	return s.read(ctx, `SELECT d.kind, d.name, d.version, d.body, d.deleted, d.at FROM document d
		JOIN (SELECT name, max(version) AS newest, min(at) AS first FROM document WHERE kind = ?1 GROUP BY name) n ON n.name = d.name AND n.newest = d.version
		WHERE d.kind = ?1 AND NOT d.deleted ORDER BY n.first, d.name`, kind)
}

// History gives all versions of one document, oldest first.
func (s *Store) History(ctx context.Context, kind, name string) ([]Document, error) {
	return s.read(ctx, `SELECT kind, name, version, body, deleted, at FROM document WHERE kind = ? AND name = ? ORDER BY version`, kind, name)
}

func (s *Store) read(ctx context.Context, query string, args ...any) ([]Document, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	defer rows.Close()
	var all []Document
	for rows.Next() {
		var d Document
		var at int64
		if err := rows.Scan(&d.Kind, &d.Name, &d.Version, &d.Body, &d.Deleted, &at); err != nil {
			return nil, fmt.Errorf("read metadata: %w", err)
		}
		d.At = time.UnixMilli(at).UTC()
		all = append(all, d)
	}
	return all, rows.Err()
}
