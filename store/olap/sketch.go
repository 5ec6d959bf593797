package olap

/*
#cgo CFLAGS: -std=c11 -O2 -Wall -Wextra
#cgo LDFLAGS: -lm
#include "sketch.h"
#include "sketch_functions.h"
*/
import "C"

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// The functions of plan/function about sketches run in DuckDB as C code, which has
// no call of Go per row: sketch.c is base/sketch over again, sketch_functions.c is
// what DuckDB calls.

// sketchMemoryError is in the text of the error of a question whose sketches have
// no room: DuckDB keeps no more of an error than its text.
var sketchMemoryError = C.GoString(C.sketch_memory_error)

// registerSketches tells a database of the functions, which all its connections
// then have.
func registerSketches(ctx context.Context, database *sql.DB) error {
	limitSketches(sketchBytesMax)
	conn, err := database.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		connection, err := connectionOf(c.(driver.Conn))
		if err != nil {
			return err
		}
		if !C.sketch_register(connection.Ptr) {
			return errors.New("DuckDB refused the functions of sketches")
		}
		return nil
	})
}

// limitSketches sets how much memory the sketches of all running questions may have.
func limitSketches(bytesMax uint64) { C.sketch_limit(C.size_t(bytesMax)) }

// sketchBytes is how much memory the sketches of all running questions have.
func sketchBytes() uint64 { return uint64(C.sketch_bytes_held()) }
