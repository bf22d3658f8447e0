package fleet

import (
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
)

// SetRetries makes failures be tried again sooner. It is called before any fleet runs.
func SetRetries(first, lock time.Duration) { firstRetry, lockRetry = first, lock }

// SetConcerns puts other concerns in the place of the real ones. It is called while
// no fleet runs, and what it answers puts them back.
func SetConcerns(others ...concern.Concern) (restore func()) {
	real := concerns
	concerns = others
	return func() { concerns = real }
}

// StopUnasked looks for fleets that nobody asks, as the registry does each hour.
func (r *Registry) StopUnasked() { r.stopUnasked() }
