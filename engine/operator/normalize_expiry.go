package operator

// renew forgets the rows that are over of the keys of a batch.
func (o *Normalize) renew(rows int) {
	if o.expiry == nil {
		return
	}
	o.expiry.tick()
	for _, code := range o.codes[:rows] {
		key := o.keys.key(code)
		if o.expiry.isOver(code) {
			o.expiry.expired(key)
			o.expiry.forget(code)
			o.rows.drop(code)
		}
		if o.rows.get(code) == nil {
			o.expiry.ask(key)
		}
	}
}

// expire forgets the rows that are over.
func (o *Normalize) expire() {
	o.expiry.sweep(func(code uint32) {
		o.expiry.expired(o.keys.key(code))
		o.rows.drop(code)
		o.remove(code)
	})
}
