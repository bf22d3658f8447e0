package settings

import (
	"encoding/json"
	"time"
)

// MarshalJSON writes the settings as jsonData, the form that Load reads: every
// setting of the data source, and of each node its key and whatever is not the
// default. Loading it gives the same settings.
func (s Settings) MarshalJSON() ([]byte, error) {
	document := settingsJSON{
		Nodes:                     make([]nodeJSON, 0, len(s.Nodes)),
		APIPort:                   s.APIPort,
		InteractiveTimeoutSeconds: s.InteractiveTimeout.Seconds(),
		BackgroundTimeoutSeconds:  s.BackgroundTimeout.Seconds(),
		AllowRemoteAPI:            s.AllowRemoteAPI,
		PollIntervals: pollIntervalsJSON{
			StatusSeconds:  s.Poll.Status.Seconds(),
			ScoresSeconds:  s.Poll.Scores.Seconds(),
			PayoutsSeconds: s.Poll.Payouts.Seconds(),
		},
		Thresholds: thresholdsJSON{
			AuditWarning:       &s.Thresholds.AuditWarning,
			AuditCritical:      &s.Thresholds.AuditCritical,
			SuspensionCritical: &s.Thresholds.SuspensionCritical,
			OnlineWarning:      &s.Thresholds.OnlineWarning,
		},
		IdleStopDays:   s.IdleStop.Hours() / 24,
		MemoryLimitMiB: float64(s.MemoryLimit) / (1 << 20),
		Retention: retentionJSON{
			RawDays:    s.Retention.Raw.Hours() / 24,
			RollupDays: s.Retention.Rollup.Hours() / 24,
		},
	}
	for _, node := range s.Nodes {
		document.Nodes = append(document.Nodes, node.document(s.Thresholds))
	}
	return json.Marshal(document)
}

type settingsJSON struct {
	Nodes                     []nodeJSON        `json:"nodes"`
	APIPort                   int               `json:"apiPort"`
	InteractiveTimeoutSeconds float64           `json:"interactiveTimeoutSeconds"`
	BackgroundTimeoutSeconds  float64           `json:"backgroundTimeoutSeconds"`
	AllowRemoteAPI            bool              `json:"allowRemoteApi"`
	PollIntervals             pollIntervalsJSON `json:"pollIntervals"`
	Thresholds                thresholdsJSON    `json:"thresholds"`
	IdleStopDays              float64           `json:"idleStopDays"`
	MemoryLimitMiB            float64           `json:"memoryLimitMiB"`
	Retention                 retentionJSON     `json:"retention"`
}

type retentionJSON struct {
	RawDays    float64 `json:"rawDays"`
	RollupDays float64 `json:"rollupDays"`
}

type pollIntervalsJSON struct {
	StatusSeconds  float64 `json:"statusSeconds"`
	ScoresSeconds  float64 `json:"scoresSeconds"`
	PayoutsSeconds float64 `json:"payoutsSeconds"`
}

// thresholdsJSON has pointers because 0 is a threshold too.
type thresholdsJSON struct {
	AuditWarning       *float64 `json:"auditWarning,omitempty"`
	AuditCritical      *float64 `json:"auditCritical,omitempty"`
	SuspensionCritical *float64 `json:"suspensionCritical,omitempty"`
	OnlineWarning      *float64 `json:"onlineWarning,omitempty"`
}

type nodeJSON struct {
	Name             string            `json:"name"`
	Log              string            `json:"log,omitempty"`
	API              string            `json:"api,omitempty"`
	Key              string            `json:"key,omitempty"`
	Retired          bool              `json:"retired,omitempty"`
	MaintenanceUntil string            `json:"maintenanceUntil,omitempty"`
	MutedSatellites  map[string]string `json:"mutedSatellites,omitempty"`
	Thresholds       *thresholdsJSON   `json:"thresholds,omitempty"`
}

func (n Node) document(inherited Thresholds) nodeJSON {
	document := nodeJSON{
		Name:            n.Name,
		Log:             n.Log.String(),
		API:             n.API,
		Key:             n.Key,
		Retired:         n.Retired,
		MutedSatellites: n.MutedSatellites,
	}
	if !n.MaintenanceUntil.IsZero() {
		document.MaintenanceUntil = n.MaintenanceUntil.UTC().Format(time.RFC3339Nano)
	}
	own := func(limit, inherited float64) *float64 {
		if limit == inherited {
			return nil
		}
		return &limit
	}
	overrides := thresholdsJSON{
		AuditWarning:       own(n.Thresholds.AuditWarning, inherited.AuditWarning),
		AuditCritical:      own(n.Thresholds.AuditCritical, inherited.AuditCritical),
		SuspensionCritical: own(n.Thresholds.SuspensionCritical, inherited.SuspensionCritical),
		OnlineWarning:      own(n.Thresholds.OnlineWarning, inherited.OnlineWarning),
	}
	if overrides != (thresholdsJSON{}) {
		document.Thresholds = &overrides
	}
	return document
}
