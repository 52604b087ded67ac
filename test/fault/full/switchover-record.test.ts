import { describeKilledSwitchovers } from '../../support/killed-switchovers.ts';

describeKilledSwitchovers('from the record on', [6, 7, 8]);
