;; Functions that the tests call: wat2wasm functions.wat
(module
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 4096))

  ;; alloc takes memory from the end, and free counts how often it is called.
  (global $frees (mut i32) (i32.const 0))
  (func (export "alloc") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next (i32.add (global.get $next) (local.get $size)))
    (if (i32.gt_u (global.get $next) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16)))))))
    (local.get $at))
  (func (export "free") (param i32 i32)
    (global.set $frees (i32.add (global.get $frees) (i32.const 1))))
  (func (export "frees") (result i32) (global.get $frees))

  (func (export "add") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
  (func (export "single") (param f32) (result f32) (local.get 0))
  (func (export "negate") (param i32) (result i32) (i32.eqz (local.get 0)))
  (func (export "same") (param i32) (result i32) (local.get 0))
  (func (export "answer") (result i64) (i64.const 42))

  ;; divide traps when its second argument is 0.
  (func (export "divide") (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
  (func (export "forever") (param i64) (result i64) (loop $again (br $again)) (i64.const 0))

  ;; count counts a byte in a text.
  (func (export "count") (param $at i32) (param $size i32) (param $byte i32) (result i64)
    (local $n i64)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $size)))
        (if (i32.eq (i32.load8_u (local.get $at)) (local.get $byte))
          (then (local.set $n (i64.add (local.get $n) (i64.const 1)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $size (i32.sub (local.get $size) (i32.const 1)))
        (br $next)))
    (local.get $n))

  ;; tail gives the text without its first byte; NULL for an empty one.
  (func (export "tail") (param $at i32) (param $size i32) (result i64)
    (if (i32.eqz (local.get $size)) (then (return (i64.const 0))))
    (i64.or
      (i64.shl (i64.extend_i32_u (i32.add (local.get $at) (i32.const 1))) (i64.const 32))
      (i64.extend_i32_u (i32.sub (local.get $size) (i32.const 1)))))

  ;; outside gives a text that is not in its memory.
  (func (export "outside") (param i32 i32) (result i64) (i64.const 0x7fffffff00000010)))
