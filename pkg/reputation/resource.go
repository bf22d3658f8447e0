package reputation

import (
	"time"

	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/concern"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/storagenode"
	"github.com/storagenode-monitor/storagenode-monitor-datasource/pkg/store"
)

// Message is a node fleet's reputation in the original's JSON form.
type Message struct {
	Type string   `json:"type"` // always "reputation_data"
	Data []Record `json:"data"`
}

// Record is one node's standing with one satellite in the original's words;
// scores are percent. What stands after is_suspended is new.
type Record struct {
	NodeName         string     `json:"node_name"`
	Satellite        string     `json:"satellite"` // its id
	SatelliteName    string     `json:"satellite_name"`
	Timestamp        time.Time  `json:"timestamp"`
	AuditScore       float64    `json:"audit_score"`
	SuspensionScore  float64    `json:"suspension_score"`
	OnlineScore      float64    `json:"online_score"`
	IsDisqualified   bool       `json:"is_disqualified"`
	IsSuspended      bool       `json:"is_suspended"`         // for unknown audit errors or for being offline
	OfflineSuspended *bool      `json:"is_offline_suspended"` // null: it cannot be told
	HealthScore      float64    `json:"health_score"`
	FailedAuditsLeft float64    `json:"failed_audits_left"`
	DowntimeLeft     float64    `json:"downtime_left_seconds"`
	OnlineRecoversAt *time.Time `json:"online_recovers_at"`
	Vetted           bool       `json:"vetted"`
}

// MessageOf is the latest standing of these nodes as of now.
func MessageOf(from *store.Store, nodes []concern.Watched, now time.Time) (Message, error) {
	message := Message{Type: "reputation_data", Data: []Record{}}
	for _, node := range nodes {
		latest, _, err := ReadNow(from, node.Node, now)
		if err != nil {
			return Message{}, err
		}
		for _, s := range latest.Standings {
			record := Record{
				NodeName: node.Name, Satellite: s.SatelliteID, SatelliteName: storagenode.SatelliteName(s.SatelliteID),
				Timestamp:  s.Timestamp,
				AuditScore: s.Audit, SuspensionScore: s.Suspension, OnlineScore: s.Online,
				IsDisqualified: s.Disqualified(), IsSuspended: s.Suspended() || s.OfflineSuspended,
				HealthScore: s.Health(), FailedAuditsLeft: s.FailedAuditsLeft(), DowntimeLeft: s.DowntimeLeft(),
				Vetted: !s.VettedAt.IsZero(),
			}
			if !s.OfflineUnreadable {
				record.OfflineSuspended = &s.OfflineSuspended
			}
			if !s.OnlineRecoversAt.IsZero() {
				record.OnlineRecoversAt = &s.OnlineRecoversAt
			}
			message.Data = append(message.Data, record)
		}
	}
	return message, nil
}
