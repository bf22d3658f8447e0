package logsource_test

import (
	"sync"
	"time"
)

// testClock shows the time, and can be put forward.
type testClock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func newTestClock() *testClock { return &testClock{} }

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}
