package concern

import "time"

// Kept is how long something is kept that ranges of a length are answered from. A panel's "Last
// 2 days" begins a moment more than 2 days before it is answered, and earlier still where the
// browser's clock is behind. So what such a range needs is kept for a little longer, and all of
// the range is answered as finely as it is asked for.
func Kept(length time.Duration) time.Duration { return length + time.Hour }
