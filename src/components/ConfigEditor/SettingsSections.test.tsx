import { screen } from '@testing-library/react';

import { THRESHOLDS } from '../../settings';
import { type StorjOptions } from '../../types';
import { open, openAll } from './editorPage';

describe('the settings', () => {
  it.each([
    [/^API port/, '15002', { apiPort: 15002 }],
    [/^Time-out while/, '20', { interactiveTimeoutSeconds: 20 }],
    [/^Time-out in the background/, '120', { backgroundTimeoutSeconds: 120 }],
    [/^Status and disk/, '600', { pollIntervals: { statusSeconds: 600 } }],
    [/^Scores/, '900', { pollIntervals: { scoresSeconds: 900 } }],
    [/^Payouts/, '7200', { pollIntervals: { payoutsSeconds: 7200 } }],
    [/^Audit score: warning/, '99.7', { thresholds: { auditRiskWarning: 99.7 } }],
    [/^Downtime left/, '4.5', { thresholds: { downtimeLeftDays: 4.5 } }],
    [/^Disk in use: critical/, '90', { thresholds: { diskCriticalPercent: 90 } }],
    [/^Read back/, '-1', { backfillHours: -1 }],
    [/^Keep traffic by the minute/, '24', { retention: { minuteHours: 24 } }],
    [/^Keep events/, '100', { retention: { eventDays: 100 } }],
    [/^Write to the disk/, '500', { store: { flushMilliseconds: 500 } }],
    [/^A condition is over/, '0', { alerts: { flappingMinutes: 0 } }],
    [/^Online score: warning/, '90', { thresholds: { onlineWarning: 90 } }],
  ])('%s', async (label, text, expected) => {
    const { user, last } = await open([]);
    await openAll(user);
    await user.type(screen.getByRole('spinbutton', { name: label }), text);
    expect(last()).toEqual({ nodes: [], ...expected });
  });

  it('opens a section in which something is set', async () => {
    await open([], { retention: { rawDays: 9 } });
    expect(screen.getByRole('button', { name: 'Collapse section Retention and memory' })).toBeInTheDocument();
    expect(screen.getByRole('button', { name: 'Expand section Polling' })).toBeInTheDocument();
  });

  it('shows the default, and has it again when a field is emptied', async () => {
    const { user, last } = await open([], { pollIntervals: { scoresSeconds: 900, statusSeconds: 60 } });
    const field = screen.getByRole('spinbutton', { name: /^Scores/ });
    expect(field).toHaveAttribute('placeholder', '300');
    await user.clear(field);
    expect(last().pollIntervals).toEqual({ statusSeconds: 60 });
  });

  it('says what is out of bounds', async () => {
    const { user } = await open([]);
    await openAll(user);
    const field = screen.getByRole('spinbutton', { name: /^API port/ });
    await user.type(field, '70000');
    expect(screen.getByText('Write a number from 1 to 65535.')).toBeInTheDocument();
    expect(field).toHaveAttribute('aria-invalid', 'true');
  });

  it('compares what belongs together', async () => {
    await open([], {
      interactiveTimeoutSeconds: 50,
      backgroundTimeoutSeconds: 20,
      thresholds: { auditWarning: 97, auditCritical: 98 },
    });
    expect(
      screen.getByText(/may not be less than the time-out while somebody waits, which is 50 s/)
    ).toBeInTheDocument();
    expect(screen.getByText('This may not be more than “Audit score: low below”, which is 97.')).toBeInTheDocument();
  });

  it('has the satellites’ own limits beside the thresholds', async () => {
    const { user } = await open([]);
    await openAll(user);
    expect(screen.getByText(/disqualifies at an audit score of 96 % or below/)).toBeInTheDocument();
    expect(screen.getByText(/suspends at 60 % or below/)).toBeInTheDocument();
    expect(screen.getByText(/suspends below an online score of 60 %/)).toBeInTheDocument();
  });

  it('has every threshold, once', async () => {
    const { user } = await open([]);
    await openAll(user);
    const fields = screen.getAllByRole('spinbutton').filter(({ id }) => id.includes('-threshold-'));
    expect(fields.map(({ id }) => id.split('-threshold-')[1]).sort()).toEqual(Object.keys(THRESHOLDS).sort());
  });

  it('allows other machines’ APIs until it is switched off', async () => {
    const { user, last } = await open([]);
    await openAll(user);
    const allowed = screen.getByRole('switch', { name: /Allow APIs on other machines/ });
    expect(allowed).toBeChecked();
    await user.click(allowed);
    expect(last().allowRemoteApi).toBe(false);
  });

  it('keeps what it does not know', async () => {
    const { user, last } = await open([], { manageAlerts: true } as StorjOptions);
    await openAll(user);
    await user.type(screen.getByRole('spinbutton', { name: /^API port/ }), '1');
    expect(last()).toEqual({ nodes: [], manageAlerts: true, apiPort: 1 });
  });

  it('keeps what a setting beside it does not know', async () => {
    const { user, last } = await open([], { retention: { rollupDays: 800, later: 1 } } as StorjOptions);
    await user.type(screen.getByRole('spinbutton', { name: /^Keep values as polled/ }), '9');
    expect(last()).toEqual({ nodes: [], retention: { rollupDays: 800, later: 1, rawDays: 9 } });
  });
});
