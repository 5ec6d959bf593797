package jdbc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"tidemark/base/problem"
)

// patient is a database that notes how long it would have waited.
func patient(d dialect, retries int) (*database, *[]time.Duration) {
	waited := &[]time.Duration{}
	return &database{server: server{dialect: d, hosts: []string{"h:1"}}, retries: retries, wait: func(_ context.Context, pause time.Duration) error {
		*waited = append(*waited, pause)
		return nil
	}}, waited
}

func TestTryWaitsLongerAndLongerAndGivesUp(t *testing.T) {
	d, waited := patient(mysqlDialect{}, 12)
	err := d.try(t.Context(), func() error { return mysql.ErrInvalidConn })
	if p := problem.Of(err); p.Retry != problem.Later || !strings.Contains(p.Message, "MySQL at h:1 does not answer") {
		t.Errorf("%v", err)
	}
	want := []time.Duration{}
	for n := range 12 {
		want = append(want, time.Duration(min(n+1, 10))*time.Second)
	}
	if diff := cmp.Diff(want, *waited); diff != "" {
		t.Error(diff)
	}
}

func TestTryGoesOnWhenTheDatabaseIsThereAgain(t *testing.T) {
	d, waited := patient(postgresDialect{}, 3)
	attempts := 0
	err := d.try(t.Context(), func() error {
		if attempts++; attempts < 3 {
			return &pgconn.PgError{Code: "57P01"}
		}
		return nil
	})
	if err != nil || len(*waited) != 2 {
		t.Errorf("%v after %v", err, *waited)
	}
}

// TestTryTellsErrorsApart: what cannot be mended by waiting is not tried again.
func TestTryTellsErrorsApart(t *testing.T) {
	for _, c := range []struct {
		dialect dialect
		err     error
		again   bool
		code    problem.Code
	}{
		{mysqlDialect{}, &mysql.MySQLError{Number: 1213}, true, problem.NotFound},
		{mysqlDialect{}, &mysql.MySQLError{Number: 1045}, false, problem.InvalidOption},
		{mysqlDialect{}, &mysql.MySQLError{Number: 1146}, false, problem.UnknownTable},
		{mysqlDialect{}, &mysql.MySQLError{Number: 1406}, false, problem.InvalidValue},
		{mysqlDialect{}, &mysql.MySQLError{Number: 1064}, false, problem.InvalidQuery},
		{postgresDialect{}, &pgconn.PgError{Code: "40P01"}, true, problem.NotFound},
		{postgresDialect{}, &pgconn.PgError{Code: "08006"}, true, problem.NotFound},
		{postgresDialect{}, &pgconn.PgError{Code: "28P01"}, false, problem.InvalidOption},
		{postgresDialect{}, &pgconn.PgError{Code: "42P01"}, false, problem.UnknownTable},
		{postgresDialect{}, &pgconn.PgError{Code: "23505"}, false, problem.InvalidValue},
		{postgresDialect{}, fmt.Errorf("no idea"), false, problem.Internal},
		{postgresDialect{}, problem.New(problem.TypeMismatch, "ours"), false, problem.TypeMismatch},
	} {
		d, waited := patient(c.dialect, 1)
		err := d.try(t.Context(), func() error { return fmt.Errorf("query: %w", c.err) })
		if again := len(*waited) > 0; again != c.again || problem.Of(err).Code != c.code {
			t.Errorf("%v: tried again %v, %v", c.err, again, problem.Of(err).Code)
		}
	}
}

func TestTryEndsWithItsContext(t *testing.T) {
	d, _ := patient(mysqlDialect{}, 3)
	why := errors.New("the job ends")
	ctx, cancel := context.WithCancelCause(t.Context())
	err := d.try(ctx, func() error {
		cancel(why)
		return mysql.ErrInvalidConn
	})
	if !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

// TestNobodyIsToldThePassword when no database listens.
func TestNobodyIsToldThePassword(t *testing.T) {
	for _, url := range []string{"jdbc:mysql://me:geheim@127.0.0.1:1/d", "jdbc:postgresql://127.0.0.1:1/d?user=me&password=geheim"} {
		s, err := settingsOf(map[string]string{optionURL: url, optionTable: "t"})
		if err != nil {
			t.Fatal(err)
		}
		d, err := openDatabase(s, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		err = d.try(t.Context(), func() error { return d.PingContext(t.Context()) })
		if p := problem.Of(err); p.Retry != problem.Later || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%v", err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
