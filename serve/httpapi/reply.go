package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// errGone is that the client does not read on: there is nobody to answer.
var errGone = errors.New("the client has gone")

// gone reports whether err is no more than the client having left.
func gone(r *http.Request, err error) bool {
	return errors.Is(err, errGone) || r.Context().Err() != nil && errors.Is(err, context.Canceled)
}

// replyWriteTimeout is how long a client may leave a piece of an answer unread.
const replyWriteTimeout = 30 * time.Second

// reply gathers the bytes of an answer and sends them in large pieces. While
// nothing has been sent an error can still have its own status.
type reply struct {
	w      http.ResponseWriter
	buffer []byte
}

// Write adds bytes, for encoders that write to an io.Writer.
func (o *reply) Write(p []byte) (int, error) {
	o.buffer = append(o.buffer, p...)
	return len(p), o.spill()
}

// spill sends what has gathered when it is much.
func (o *reply) spill() error {
	if len(o.buffer) < replyHeldBytes {
		return nil
	}
	return o.flush()
}

// flush sends what has gathered.
func (o *reply) flush() error {
	// A client that stops reading must not hold its place for ever: it has one of few,
	// and the rows that it reads. The deadline is lifted again for the next request.
	connection := http.NewResponseController(o.w)
	_ = connection.SetWriteDeadline(time.Now().Add(replyWriteTimeout))
	_, err := o.w.Write(o.buffer)
	_ = connection.SetWriteDeadline(time.Time{})
	o.buffer = o.buffer[:0]
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}
