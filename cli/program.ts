import { Command } from 'commander'
import { declareActing } from './declare/acting.ts'
import { type Act, Declaration } from './declare/declaration.ts'
import { declareJoining } from './declare/joining.ts'
import { declareLooking } from './declare/looking.ts'
import { declarePreparing } from './declare/preparing.ts'
import { EXIT_CODES_HELP } from './exit-code.ts'

/** The command with all that it can do; nothing of that is imported before it is asked for. */
export function greenroomCommand(act: Act): Command {
  const program = new Command('greenroom')
    .description('joins this machine to meshes of actors, looks into them, and acts in them')
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError("('greenroom help <command>' shows its arguments and examples)")
    .addHelpText('after', EXIT_CODES_HELP)
  declareLooking(new Declaration(program, 'Looking into a mesh:', act))
  declareActing(new Declaration(program, 'Acting in it:', act))
  declareJoining(new Declaration(program, 'This machine in a mesh:', act))
  declarePreparing(new Declaration(program, 'Your shell:', act))
  return program
}
